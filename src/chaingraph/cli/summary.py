"""The closing words of a run: how it ended, what came out, what went wrong."""

from __future__ import annotations

import json

from chaingraph.cli.progress import NodeProgress, Progress, Result, Stage
from chaingraph.cli.show import WIDTH, duration, shorten

MOST = 20
"""Of longer lists only the beginning is shown."""


def value_text(result: Result) -> str:
    """A value as JSON, cut where it is long."""
    if result.size is not None:
        return f"({result.size:,} bytes)"
    value = result.value
    if isinstance(value, str):
        value = value[: 10 * WIDTH]
    return shorten(json.dumps(value, ensure_ascii=False, default=repr))


def summary(progress: Progress) -> list[str]:
    """The closing lines."""
    lines = [_ending(progress)]
    results = progress.results()
    lines += [f"  {each.port} = {value_text(each)}" for each in results[:MOST]]
    lines += _more(len(results), "results")
    failures = progress.failures
    for node in failures[:MOST]:
        lines += failure(progress, node)
    return lines + _more(len(failures), "failed nodes")


def _ending(progress: Progress) -> str:
    counts = [
        f"{len(nodes)} {'not begun' if stage is Stage.WAITING else stage}"
        for stage in Stage
        if (nodes := progress.of(stage))
    ]
    took = f" in {duration(progress.took)}" if progress.took is not None else ""
    reason = f" ({progress.reason})" if progress.reason else ""
    return f"{progress.status}{took}{reason}; nodes: {', '.join(counts) or 'none'}"


def _more(count: int, what: str) -> list[str]:
    return [f"  and {count - MOST} more {what}"] if count > MOST else []


def failure(progress: Progress, node: NodeProgress) -> list[str]:
    """A failed node with its message and what was connected to it."""
    caught = ", handled by the flow" if node.is_caught else ""
    lines = [f"node {node.label} failed{caught}: {node.message}"]
    arrivals = progress.arrivals(node.node)
    lines += [f"  {edge} = {value_text(result)}" for edge, result in arrivals[:MOST]]
    return lines + _more(len(arrivals), "connections")
