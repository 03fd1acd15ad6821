"""A tree of executions whose journals a test writes by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import orjson

from chaingraph.engine.events import TERMINAL, EventType
from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.execution.bell import LocalBell
from chaingraph.execution.intake import flow_json
from chaingraph.execution.memory import MemoryJournal
from chaingraph.execution.ports import NewExecution
from chaingraph.execution.records import Dispatch, Disposition, Entry, Stored
from chaingraph.execution.times import now_ms
from chaingraph.flow.build import FlowBuilder
from chaingraph.flow.codec import read_flow
from chaingraph.flow.ids import new_execution_id
from chaingraph.nodes import builtin_catalog
from chaingraph.superjson import dumps

ROOT = "EXroot"


def graph_of(snapshot: str, text: bytes) -> Graph:
    return compile_flow(read_flow(json.loads(text)), builtin_catalog())


class Forest(MemoryJournal):
    """Every execution has the same flow: one node `a`. Whoever may still write is in `running`."""

    def __init__(self) -> None:
        super().__init__(now_ms)
        self.bell = LocalBell()
        self.written: defaultdict[str, list[Entry]] = defaultdict(list)
        self.rows: dict[str, NewExecution] = {}
        self.running: list[str] = []
        #: how often was asked for a journal's page, and for all heads
        self.reads = 0
        self.looks = 0
        builder = FlowBuilder("flow", builtin_catalog(), id="flow")
        builder.add("TextNode", "a", text="x")
        self.flow = orjson.dumps(flow_json(builder.build()))
        self.add(ROOT)

    @property
    def stored(self) -> Stored:
        return self.stored_of(ROOT)

    @property
    def positions(self) -> dict[str, list[int]]:
        return {each: list(range(len(entries))) for each, entries in self.written.items()}

    @property
    def size(self) -> int:
        return sum(map(len, self.written.values()))

    def add(self, execution_id: str, parent_id: str | None = None) -> None:
        created = Entry(0, EventType.EXECUTION_CREATED.value, 0, dumps({}))
        self.rows[execution_id] = NewExecution(
            execution_id,
            "flow",
            "local",
            "hash",
            self.flow,
            created,
            ROOT,
            parent_execution_id=parent_id,
        )
        self.written[execution_id].append(created)
        self.running.append(execution_id)

    def write(
        self,
        execution_id: str,
        kind: EventType = EventType.NODE_DEBUG_LOG,
        data: Mapping[str, Any] | None = None,
        *,
        rings: bool = True,
    ) -> None:
        journal = self.written[execution_id]
        journal.append(Entry(len(journal), kind.value, 0, dumps(data or {})))
        if kind in TERMINAL:
            self.running.remove(execution_id)
        if rings:
            self.bell.ring(execution_id)

    def spawn(self, parent_id: str, *, rings: bool = True) -> str:
        child_id = new_execution_id()
        self.add(child_id, parent_id)
        data = {"executionId": child_id, "nodeId": "a", "flowId": "flow"}
        self.write(parent_id, EventType.CHILD_SPAWNED, data, rings=rings)
        return child_id

    def end(self, execution_id: str, *, rings: bool = True) -> None:
        self.write(execution_id, EventType.FLOW_CANCELLED, rings=rings)

    def delete(self) -> None:
        self.rows.clear()
        self.written.clear()

    def stored_of(self, execution_id: str) -> Stored:
        after = len(self.written[execution_id])
        dispatch = Dispatch(Disposition.LEASED, 1, "w1", after, 1, 1, "hash")
        return Stored(self.rows[execution_id].row, dispatch)

    async def get(self, execution_id: str) -> Stored | None:
        return self.stored_of(execution_id) if execution_id in self.rows else None

    async def heads(self, root_id: str) -> Mapping[str, int]:
        self.looks += 1
        return {each: len(self.written[each]) for each in self.rows}

    async def read(self, execution_id: str, start: int, limit: int) -> list[Entry]:
        self.reads += 1
        return self.written[execution_id][start : start + limit]

    async def flow_of(self, snapshot: str) -> bytes:
        return self.flow
