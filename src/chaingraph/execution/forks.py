"""New executions that go on from the journals of others. The old ones are only read."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from chaingraph.engine.events import Event
from chaingraph.engine.graph import Graph, compile_flow
from chaingraph.errors import BadInput, FlowNotFound, Forbidden
from chaingraph.execution.beginning import created, input_hash, own_key
from chaingraph.execution.fork_check import incompatibilities, joined, open_for
from chaingraph.execution.forking import entries_of, failed_nodes, plan_fork
from chaingraph.execution.intake import Prepared
from chaingraph.execution.ports import Flows, Journal, NewExecution
from chaingraph.execution.principals import Principal
from chaingraph.execution.reading import PAGE, JournalGap, decode
from chaingraph.execution.records import Command, CommandKind, Entry, Stored
from chaingraph.flow.codec import read_flow
from chaingraph.flow.ids import new_execution_id
from chaingraph.flow.model import Flow

Prepare = Callable[[Flow, Mapping[str, Any] | None, str], Awaitable[Prepared]]


@dataclass(frozen=True, slots=True)
class _Past:
    """The committed prefix of an execution. Large values are where they are."""

    stored: Stored
    snapshot: bytes
    graph: Graph
    entries: Sequence[Entry]
    events: Sequence[Event]


class Forks:
    """Forks executions whose rows the caller was allowed to see."""

    def __init__(
        self, journal: Journal, flows: Flows, prepare: Prepare, clock: Callable[[], int]
    ) -> None:
        self._journal = journal
        self._flows = flows
        self._prepare = prepare
        self._clock = clock

    async def fork(
        self,
        principal: Principal,
        stored: Stored,
        *,
        nodes: Collection[str] = (),
        inputs: Mapping[str, Any] | None = None,
        newer: bool = False,
        start: bool = True,
        idempotency_key: str | None = None,
    ) -> str:
        """Make an execution in which `nodes`, all that depends on them and all that has not
        ended run, and everything else is as it was. Returns its id.

        `inputs` replace those of nodes that run, connected or not. `newer` takes the flow as it
        is stored now. The first segment of a fork that is to `start` is queued. Raises BadInput
        for what does not fit together, FlowNotFound, Forbidden when the newer flow is not that of
        the owner, and IdempotencyConflict as `create` does.
        """
        past = await self._past(stored)
        return await self._fork(principal, past, nodes, inputs, newer, start, idempotency_key)

    async def retry(
        self,
        principal: Principal,
        stored: Stored,
        *,
        start: bool = True,
        idempotency_key: str | None = None,
    ) -> str:
        """Fork from the nodes that failed. Raises BadInput when none did."""
        past = await self._past(stored)
        nodes = failed_nodes(past.events, past.graph)
        return await self._fork(principal, past, nodes, None, False, start, idempotency_key)

    async def _fork(
        self,
        principal: Principal,
        past: _Past,
        nodes: Collection[str],
        inputs: Mapping[str, Any] | None,
        newer: bool,
        start: bool,
        idempotency_key: str | None,
    ) -> str:
        kept = plan_fork(past.events, past.graph, nodes)
        prepared = await self._prepared(past, kept, inputs or {}, newer)
        row, execution_id = past.stored.row, new_execution_id()
        asked = (row.id, sorted(nodes), inputs and prepared.inputs, newer, start)
        origin = {"executionId": row.id, "nodes": sorted(nodes)}
        return await self._journal.create(
            NewExecution(
                id=execution_id,
                flow_id=row.flow_id,
                owner_id=row.owner_id,
                snapshot=prepared.hash,
                flow=prepared.json,
                created=created(
                    execution_id, row.flow_id, row.owner_id, self._clock(), forkedFrom=origin
                ),
                root_execution_id=execution_id,
                options=row.options or {},
                integration=row.integration or {},
                external_events=row.external_events or (),
                key=own_key(principal, idempotency_key),
                input_hash=input_hash(asked),
                inbox=(_start(principal),) if start else (),
                forked_from=row.id,
                taken_over=entries_of(past.entries, past.events, past.graph, kept),
                blobs_of=row.root_execution_id,
            )
        )

    async def _past(self, stored: Stored) -> _Past:
        execution_id, end = stored.row.id, stored.dispatch.next_position
        if not stored.dispatch.snapshot:
            raise BadInput(f"Execution {execution_id} has no journal: another system ran it")
        snapshot = await self._journal.flow_of(stored.dispatch.snapshot)
        entries: list[Entry] = []
        events: list[Event] = []
        while len(entries) < end:
            page = await self._journal.read(
                execution_id, len(entries), min(PAGE, end - len(entries))
            )
            if not page:
                raise JournalGap(execution_id, len(entries))
            entries += page
            events += map(decode, page)
        graph = compile_flow(read_flow(json.loads(snapshot)))
        return _Past(stored, snapshot, graph, entries, events)

    async def _prepared(
        self,
        past: _Past,
        kept: frozenset[str],
        inputs: Mapping[str, Any],
        newer: bool,
    ) -> Prepared:
        """The flow that the fork runs."""
        flow, row = past.graph.flow, past.stored.row
        if not newer and not inputs:
            return Prepared(flow, past.snapshot, past.stored.dispatch.snapshot, (), {})
        if newer:
            flow = _joined(flow, await self._newest(flow.id, row.owner_id), kept)
        opened = open_for(flow, inputs, kept, is_bound=bool(row.external_events))
        return await self._prepare(opened, inputs, row.owner_id)

    async def _newest(self, flow_id: str, owner_id: str) -> Flow:
        """The flow as its owner has it now. Under its id may be another's: it is nobody's to run
        for this owner, whoever asks."""
        found = await self._flows.get(flow_id)
        if found is None:
            raise FlowNotFound(flow_id)
        if found.owner != owner_id:
            raise Forbidden(f"flow {flow_id}")
        return (await self._prepare(read_flow(found.data), None, owner_id)).flow


def _joined(old: Flow, new: Flow, kept: frozenset[str]) -> Flow:
    problems = incompatibilities(old, new, kept)
    if problems:
        raise BadInput(f"Cannot fork with the newer flow {new.id}: " + "; ".join(problems))
    return joined(old, new, kept)


def _start(principal: Principal) -> Command:
    return Command(uuid4().hex, CommandKind.START, principal.user_id, {})
