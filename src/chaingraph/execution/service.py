"""The use cases: what callers may do with flows and executions."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from chaingraph.engine.graph import Graph
from chaingraph.engine.options import Options
from chaingraph.engine.seams import Vault
from chaingraph.errors import BadInput, FlowNotFound, Forbidden
from chaingraph.execution.beginning import created, input_hash, own_key
from chaingraph.execution.feed import Feeds
from chaingraph.execution.follow import follow_compact, follow_full
from chaingraph.execution.forks import Forks
from chaingraph.execution.identity import Tokens
from chaingraph.execution.intake import Prepared
from chaingraph.execution.known_types import KnownTypes
from chaingraph.execution.page import EventPage, take
from chaingraph.execution.plainly import plain_inputs, plainly
from chaingraph.execution.ports import Bell, Flows, Journal, NewExecution
from chaingraph.execution.principals import Principal
from chaingraph.execution.records import ExecutionRow, Segment, Stored
from chaingraph.execution.sharing import Sharing
from chaingraph.execution.steering import Steering
from chaingraph.execution.stored_flows import StoredFlows
from chaingraph.execution.tree_follow import TreeBatch, follow_tree
from chaingraph.execution.vault import NO_KEYS
from chaingraph.execution.view import SeenEvent
from chaingraph.flow.codec import read_flow
from chaingraph.flow.ids import new_execution_id

View = Literal["full", "compact"]


@dataclass(frozen=True, slots=True)
class TreeNode:
    id: str
    parent_id: str | None
    level: int
    execution: ExecutionRow


@dataclass(frozen=True, slots=True)
class Root:
    """A root execution, the depth of its tree and the number of its descendants."""

    execution: ExecutionRow
    levels: int
    total_nested: int


class Service(Steering, StoredFlows, Sharing):
    """Keeps flows; creates, steers and shows executions, on behalf of a principal.

    Raises FlowNotFound, ExecutionNotFound, Forbidden, and BadInput for what cannot be done.
    """

    def __init__(
        self,
        journal: Journal,
        flows: Flows,
        bell: Bell,
        types: KnownTypes,
        tokens: Tokens,
        *,
        graph_of: Callable[[str, bytes], Graph],
        launch: Callable[[Segment], None],
        errand: Callable[[], None],
        clock: Callable[[], int],
        max_value_bytes: int,
        vault: Vault = NO_KEYS,
    ) -> None:
        Steering.__init__(self, journal, bell, launch=launch, errand=errand)
        StoredFlows.__init__(self, flows, types, max_value_bytes, vault)
        Sharing.__init__(self, journal, tokens, clock)
        self._graph_of = graph_of
        self._feeds = Feeds(journal)
        self._forks = Forks(journal, flows, self._prepare, clock)

    async def create(
        self,
        principal: Principal,
        flow_id: str,
        *,
        options: Mapping[str, Any] | None = None,
        integration: Mapping[str, Any] | None = None,
        events: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> str:
        """Make an execution of a stored flow and return its id. It waits for `start`.

        `inputs` gives values for ports by `node.port`. The same `idempotency_key` with the same
        input gives the same execution again; with other input it raises IdempotencyConflict.
        """
        stored = await self.flow(principal, flow_id)
        owner = stored.owner
        Options.from_json(options)
        options, integration = plainly("options", options), plainly("integration", integration)
        events, inputs = plainly("events", events), plain_inputs(inputs)
        prepared = await self._prepare(read_flow(stored.data), inputs, owner)
        asked = (flow_id, options, integration, events, inputs and prepared.inputs)
        execution_id = new_execution_id()
        return await self._journal.create(
            NewExecution(
                id=execution_id,
                flow_id=flow_id,
                owner_id=owner,
                snapshot=prepared.hash,
                flow=prepared.json,
                created=created(execution_id, flow_id, owner, self._clock()),
                root_execution_id=execution_id,
                options=options or {},
                integration=integration or {},
                external_events=[dict(event) for event in events or ()],
                key=own_key(principal, idempotency_key),
                input_hash=input_hash(asked),
            )
        )

    async def fork(
        self,
        principal: Principal,
        execution_id: str,
        *,
        nodes: Sequence[str] = (),
        inputs: Mapping[str, Any] | None = None,
        newer: bool = False,
        start: bool = True,
        idempotency_key: str | None = None,
    ) -> str:
        """A new execution that goes on from an old one, ended or not; its id.

        `nodes`, what depends on them and what had not ended run; all else is taken over. `inputs`
        (`node.port` -> value) replace those of nodes that run; `newer` takes the flow as it is
        stored now. Raises BadInput with what does not fit together.
        """
        stored = await self._owned(principal, execution_id)
        forked = await self._forks.fork(
            principal,
            stored,
            nodes=nodes,
            inputs=plain_inputs(inputs),
            newer=newer,
            start=start,
            idempotency_key=idempotency_key,
        )
        return self._launched(forked, start)

    async def retry(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: bool = True,
        idempotency_key: str | None = None,
    ) -> str:
        """A fork from the nodes that failed; its id. Raises BadInput when none did."""
        stored = await self._owned(principal, execution_id)
        forked = await self._forks.retry(
            principal, stored, start=start, idempotency_key=idempotency_key
        )
        return self._launched(forked, start)

    def _launched(self, execution_id: str, started: bool) -> str:
        if started:
            self._launch(Segment(execution_id, 1))
        return execution_id

    async def ready_flow(self, flow_id: str, inputs: Mapping[str, Any], owner_id: str) -> Prepared:
        """A stored flow of this owner, checked with these inputs and completed.

        Raises FlowNotFound, Forbidden and InvalidFlow."""
        stored = await self._flows.get(flow_id)
        if stored is None:
            raise FlowNotFound(flow_id)
        if stored.owner != owner_id:
            raise Forbidden(f"flow {flow_id}")
        return await self._prepare(read_flow(stored.data), inputs, owner_id)

    async def details(self, principal: Principal, execution_id: str) -> ExecutionRow:
        """The row; without what its owner sent along for whoever only watches."""
        row = (await self._visible(principal, execution_id)).row
        if principal.may_use(row.owner_id):
            return row
        return replace(row, options=None, integration=None, external_events=None)

    async def tree(self, principal: Principal, execution_id: str) -> list[TreeNode]:
        """The execution and all its descendants, by level, then id."""
        root = await self._owned(principal, execution_id)
        rows = [each.row for each in await self._journal.tree(root.row.root_execution_id)]
        wanted = _below(execution_id, rows)
        nodes = [
            TreeNode(
                row.id,
                row.parent_execution_id,
                row.execution_depth - root.row.execution_depth,
                row,
            )
            for row in rows
            if row.id in wanted
        ]
        return sorted(nodes, key=lambda node: (node.level, node.id))

    async def roots(
        self,
        principal: Principal,
        flow_id: str | None,
        *,
        limit: int = 50,
        after: datetime | None = None,
    ) -> list[Root]:
        """Root executions of a flow (or of all flows), newest first."""
        if flow_id is not None:
            await self.flow(principal, flow_id)
        found = await self._journal.roots(flow_id, limit, after, principal.owners)
        return [await self._root(each.row) for each in found]

    async def _root(self, row: ExecutionRow) -> Root:
        tree = await self._journal.tree(row.id)
        levels = max((each.row.execution_depth for each in tree), default=0)
        return Root(row, levels, len(tree) - 1)

    async def page(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: int = 0,
        limit: int = 100,
        view: View = "full",
        types: frozenset[str] = frozenset(),
    ) -> EventPage:
        """At most `limit` of the events that are there now, from position `start` on.

        A negative `start` means the last so many events.
        """
        stored = await self._visible(principal, execution_id)
        end = stored.dispatch.next_position
        start = max(0, end + start) if start < 0 else start
        pages = self.follow(principal, execution_id, start=start, view=view)
        found, at = await take(pages, start, end, limit, types)
        return EventPage(tuple(found), at, stored.row.status.is_terminal and at >= end)

    async def follow(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: int = 0,
        view: View = "full",
        types: frozenset[str] = frozenset(),
    ) -> AsyncGenerator[list[SeenEvent], None]:
        """Batches of events from position `start` on, until the last one.

        A negative `start` means the last so many events present now. `types` filters; positions
        count all events all the same.
        """
        stored = await self._visible(principal, execution_id)
        _need_journal(stored)
        if start < 0:
            start = max(0, stored.dispatch.next_position + start)
        flow = await self._journal.flow_of(stored.dispatch.snapshot)
        batches: AsyncIterator[list[SeenEvent]]
        if view == "compact":
            batches = follow_compact(
                self._journal, self._bell, stored, json.loads(flow), start=start
            )
        else:
            graph = self._graph_of(stored.dispatch.snapshot, flow)
            batches = follow_full(self._feeds, self._bell, stored, graph, start=start)
        async for batch in batches:
            wanted = [e for e in batch if e.index is None or e.type in types] if types else batch
            if wanted:
                yield wanted

    async def follow_tree(
        self,
        principal: Principal,
        execution_id: str,
        *,
        cursor: str | None = None,
        view: View = "full",
        types: frozenset[str] = frozenset(),
    ) -> AsyncGenerator[TreeBatch, None]:
        """Events of the execution and all its descendants, until all of them have ended.

        Each batch has a cursor; a stream that begins with it goes on after that batch.
        """
        stored = await self._owned(principal, execution_id)
        _need_journal(stored)
        batches = follow_tree(
            self._journal,
            self._bell,
            stored,
            self._graph_of,
            cursor=cursor,
            view=view,
            types=types,
        )
        async for batch in batches:
            yield batch


def _need_journal(stored: Stored) -> None:
    if not stored.dispatch.snapshot:
        raise BadInput(f"Execution {stored.row.id} has no journal: another system ran it")


def _below(execution_id: str, rows: Sequence[ExecutionRow]) -> set[str]:
    found = {execution_id}
    for row in sorted(rows, key=lambda each: each.execution_depth):
        if row.parent_execution_id in found:
            found.add(row.id)
    return found
