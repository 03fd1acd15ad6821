"""All that is to be compared of executions and of their trees."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaingraph.engine.channel import Channel
from chaingraph.engine.events import Event
from chaingraph.engine.graph import compile_flow
from chaingraph.engine.state import FlowState
from chaingraph.execution.reading import read_events
from chaingraph.execution.records import ExecutionRow, Status, Stored
from chaingraph.execution.verify import verify
from chaingraph.flow.codec import read_flow
from chaingraph.modes import House

Report = dict[str, Any]
TOLD = ("child:completed", "child:failed")


async def report(house: House, execution_id: str) -> Report:
    """All that is to be compared of an ended execution."""
    stored = await house.journal.get(execution_id)
    assert stored is not None
    flow = await house.journal.flow_of(stored.dispatch.snapshot)
    state = FlowState(compile_flow(read_flow(json.loads(flow)), house.catalog))
    events = []
    async for batch in read_events(house.journal, stored, 0, stored.dispatch.next_position):
        events += batch
    for event in events:
        state.apply(event.type, event.data)
    return {
        "id": execution_id,
        "findings": [*(str(each) for each in verify(stored, events)), *_begun_while_held(events)],
        "status": stored.row.status,
        "types": [[each.type, each.data.get("nodeId")] for each in events],
        "children": {type_: _named(events, type_) for type_ in ("child:spawned", *TOLD)},
        "nodes": {
            node_id: {
                "outcome": node.outcome,
                "values": {port: _plain(value) for port, value in node.values.items()},
            }
            for node_id, node in state.nodes.items()
        },
    }


async def tree_reports(house: House, root_id: str, name: str = "root") -> dict[str, Report]:
    """The reports of a whole tree, by names that every run of the flow gives alike."""
    tree = await house.journal.tree(root_id)
    names = _names([each.row for each in tree], name)
    reports = {names[each.row.id]: await report(house, each.row.id) for each in tree}
    for each in tree:
        mine = reports[names[each.row.id]]
        children = [other for other in tree if other.row.parent_execution_id == each.row.id]
        mine["findings"] += _broken_families(each, children, mine["children"])
    return reports


def _names(rows: Sequence[ExecutionRow], root: str) -> dict[str, str]:
    names: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for row in rows:
        if row.parent_execution_id is None:
            names[row.id] = root
            continue
        cause = row.external_events[0]["eventName"] if row.external_events else row.flow_id
        name = f"{names[row.parent_execution_id]}/{cause}"
        taken[name] += 1
        names[row.id] = name if taken[name] == 1 else f"{name}#{taken[name]}"
    return names


def _broken_families(
    parent: Stored, children: Sequence[Stored], said: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """A child for each that was announced, told of once, and none that outlives its parent."""
    ids = {each.row.id for each in children}
    spawned, told = said["child:spawned"], [each for type_ in TOLD for each in said[type_]]
    if sorted(spawned) != sorted(ids):
        yield f"{len(spawned)} children were announced, {len(ids)} are there"
    if len(told) != len(set(told)) or not ids.issuperset(told):
        yield f"was told {len(told)} times of {len(set(told))} ends of {len(ids)} children"
    left = [each.row.id for each in children if not each.row.status.is_terminal]
    if left:
        yield f"{len(left)} children have not ended"
    if parent.row.status is not Status.COMPLETED:
        return
    if set(told) != ids or parent.dispatch.open_children:
        yield f"completed, told of {len(set(told))} of {len(ids)} children"
    ends = [each.row.completed_at for each in children if each.row.completed_at is not None]
    if parent.row.completed_at is None or parent.row.completed_at < max(
        ends, default=parent.row.completed_at
    ):
        yield "completed before its children"


def _begun_while_held(events: Sequence[Event]) -> Iterator[str]:
    """While an execution is paused only that node begins which a step has named."""
    is_paused, stepped = False, None
    for event in events:
        if event.type == "flow:paused":
            is_paused = True
        elif event.type == "flow:resumed":
            is_paused = False
        elif event.type == "debug:stepped":
            stepped = event.data["nodeId"]
        elif event.type == "node:started" and is_paused and event.data["nodeId"] != stepped:
            yield f"node {event.data['nodeId']} began at position {event.position}, while paused"


def _named(events: Sequence[Event], type_: str) -> list[str]:
    return [each.data["executionId"] for each in events if each.type == type_]


def _plain(value: Any) -> Any:
    """As JSON can say it; ids that are new in each run are all the same."""
    if isinstance(value, Channel):
        value = [value.items, value.closed, value.error]
    return json.loads(re.sub(r'"EX\w{24}"', '"EX"', json.dumps(value)))
