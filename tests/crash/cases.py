"""Cases of the crash matrix: run them in a warm process, and judge what they left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.lives import KILLED, Life
from tests.crash.reports import Report

ROOT = Path(__file__).parents[2]
#: The nodes of the flow `mixed` that never run when its `once` node was interrupted.
LOST_WITH_ONCE = {"once": "node:failed", "after": "node:skipped"}


@dataclass(frozen=True)
class Case:
    lives: tuple[Life, ...]

    @property
    def name(self) -> str:
        first = self.lives[0]
        return f"{first.act} {first.flow}, boundary {first.die_at}, dispatch {first.dispatch}"

    @property
    def executions(self) -> dict[str, Report]:
        """The reports of what there is in the end, by name."""
        found: dict[str, Report] = self._report["executions"]
        return found

    @property
    def boundaries(self) -> list[str]:
        names: list[str] = self._report["boundaries"]
        return names

    @property
    def _report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._folder / "report.json").read_text())
        return found

    @property
    def _folder(self) -> Path:
        return Path(self.lives[-1].folder)

    @property
    def effects(self) -> list[dict[str, str]]:
        path = self._folder / "effects"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Warm:
    """The warm process of `tests.crash.warm`, from here."""

    def __init__(self) -> None:
        command = [sys.executable, "-W", "error", "-m", "tests.crash.warm"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)

    def run(self, cases: Sequence[Case]) -> list[list[int]]:
        """The exit codes of the lives of each case; the last life is to end well."""
        assert self._process.stdin is not None and self._process.stdout is not None
        for number, case in enumerate(cases):
            line = json.dumps([number, [life.to_json() for life in case.lives]])
            self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        results = dict(json.loads(self._process.stdout.readline()) for _ in cases)
        failed = [cases[number].name for number, codes in results.items() if codes[-1] != 0]
        assert failed == [], [results[n] for n in range(len(cases))]
        return [results[number] for number in range(len(cases))]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def judge(case: Case, clean: Mapping[str, Report]) -> list[str]:
    """What is wrong with a case that ended, compared with a run that nobody cut short."""
    found = case.executions
    wrong = [] if found.keys() == clean.keys() else [f"there are {sorted(found)}"]
    for name in found.keys() & clean.keys():
        wrong += [f"{name}: {each}" for each in _judge(case, found[name], clean[name])]
    return [f"{case.name}: {each}" for each in wrong]


def _judge(case: Case, report: Report, clean: Report) -> list[str]:
    wrong: list[str] = list(report["findings"])
    wrong += _repeated_effects(case, report)
    if report["status"] != clean["status"]:
        wrong.append(f"status {report['status']}, should be {clean['status']}")
    # What was running when a stop came depends on where the crash was.
    expected = dict(clean["nodes"]) if clean["status"] == "completed" else {}
    if _interrupted(report):
        wrong += _lost_with_once(report)
        for node_id in LOST_WITH_ONCE:
            del expected[node_id]
    for node_id, node in expected.items():
        if report["nodes"][node_id] != node:
            wrong.append(f"node {node_id} is {report['nodes'][node_id]}, should be {node}")
    return wrong


def _repeated_effects(case: Case, report: Report) -> list[str]:
    """I4: once more for each loss, under the same key, and after a committed start; I3 beside."""
    losses = sum(life.die_at > 0 for life in case.lives)
    mine = [each for each in case.effects if each["key"].startswith(f"{report['id']}/")]
    seen = Counter((each["node"], each["kind"]) for each in mine)
    keys = {(each["node"], each["key"]) for each in mine}
    counts = Counter(map(tuple, report["types"]))
    wrong = []
    for (node_id, kind), count in seen.items():
        starts, retries = (
            counts[type_, node_id] for type_ in ("node:started", "node:retry-scheduled")
        )
        allowed = 1 if kind == "once" else 1 + losses + retries
        if count > min(allowed, starts):
            wrong.append(f"the effect of {node_id} came {count} times, {starts} starts")
        if sum(node == node_id for node, _ in keys) != 1:
            wrong.append(f"node {node_id} had several keys: {sorted(keys)}")
    return wrong


def _interrupted(report: Report) -> bool:
    node = report["nodes"].get("once")
    return node is not None and node["outcome"] == "node:failed"


def _lost_with_once(report: Report) -> list[str]:
    outcomes = {node_id: report["nodes"][node_id]["outcome"] for node_id in LOST_WITH_ONCE}
    return [] if outcomes == LOST_WITH_ONCE else [f"an interrupted once left {outcomes}"]


def was_cut(codes: list[int]) -> bool:
    return codes[0] == KILLED
