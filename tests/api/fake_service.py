"""A service in memory whose executions do nothing but emit events, at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chaingraph.engine.events import TERMINAL
from chaingraph.errors import (
    BadInput,
    ExecutionNotFound,
    FlowNotFound,
    Forbidden,
    IllegalTransition,
)
from chaingraph.execution.identity import Token, new_token
from chaingraph.execution.known_types import Declared
from chaingraph.execution.page import EventPage
from chaingraph.execution.ports import StoredFlow
from chaingraph.execution.principals import Principal
from chaingraph.execution.records import ExecutionRow, Status
from chaingraph.execution.service import Root, TreeNode, View
from chaingraph.execution.tree_follow import TreeBatch, TreeEvent
from chaingraph.execution.view import SeenEvent
from chaingraph.superjson import Custom

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OWNERS = {"quick": "local", "endless": "local", "others": "somebody"}
"""The flows: `endless` runs until it is stopped."""
ASSIGNEE = "assignee"
"""May answer in executions of others."""


@dataclass
class _Execution:
    row: ExecutionRow
    epoch: datetime
    events: list[SeenEvent] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, type: str, **data: Any) -> None:
        position, now = len(self.events), self.epoch
        self.events.append(SeenEvent(position, position - 1, type, now, data, type in TERMINAL))
        self.changed.set()
        self.changed = asyncio.Event()

    def move(self, **changes: Any) -> None:
        self.row = replace(self.row, **changes)


class FakeService:
    def __init__(self, epoch: datetime = EPOCH) -> None:
        self._epoch = epoch
        self.executions: dict[str, _Execution] = {}
        self.given: dict[str, Token] = {}
        self.followers = 0
        """Generators of `follow` that have not cleaned up."""
        self.idle = asyncio.Event()
        self._ids = count(1)
        self._clock = count()

    async def create(
        self,
        principal: Principal,
        flow_id: str,
        *,
        options: Mapping[str, Any] | None = None,
        integration: Mapping[str, Any] | None = None,
        events: Sequence[Mapping[str, Any]] | None = None,
        inputs: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        self._check_flow(principal, flow_id)
        now = self._epoch + timedelta(milliseconds=next(self._clock))
        row = ExecutionRow(
            id=f"EX{next(self._ids)}",
            flow_id=flow_id,
            owner_id=OWNERS[flow_id],
            root_execution_id="",
            parent_execution_id=None,
            status=Status.CREATED,
            created_at=now,
            updated_at=now,
            started_at=None,
            completed_at=None,
            error_message=None,
            error_node_id=None,
            execution_depth=0,
            options=options or {},
            integration=integration or {},
            external_events=list(events or []),
            failure_count=0,
            last_failure_reason=None,
            last_failure_at=None,
            processing_started_at=None,
            processing_worker_id=None,
        )
        execution = _Execution(replace(row, root_execution_id=row.id), self._epoch)
        self.executions[row.id] = execution
        execution.emit(
            "execution:created",
            executionId=row.id,
            flowId=flow_id,
            rootExecutionId=row.id,
            parentExecutionId=None,
            executionDepth=0,
            flowMetadata={"id": flow_id, "createdAt": EPOCH},
        )
        return row.id

    async def start(
        self, principal: Principal, execution_id: str, *, command_id: str | None = None
    ) -> None:
        execution = self._execution(principal, execution_id)
        if execution.row.status is not Status.CREATED:
            raise IllegalTransition(execution_id, "start", execution.row.status)
        execution.move(status=Status.RUNNING, started_at=self._epoch)
        execution.emit("flow:started", flowMetadata={"id": execution.row.flow_id})
        node = {"id": "n0", "metadata": {"type": "MathNode"}}
        execution.emit("node:started", node=Custom("BaseNode", node))
        execution.emit("node:stream-chunk", nodeId="n0", items=[1])
        if execution.row.flow_id != "endless":
            execution.emit("node:completed", node=Custom("BaseNode", node), executionTime=1)
            execution.move(status=Status.COMPLETED, completed_at=self._epoch)
            execution.emit("flow:completed", executionTime=2)

    async def stop(
        self,
        principal: Principal,
        execution_id: str,
        *,
        reason: str | None = None,
        command_id: str | None = None,
    ) -> None:
        execution = self._execution(principal, execution_id)
        if execution.row.status.is_terminal:
            raise IllegalTransition(execution_id, "stop", execution.row.status)
        reason = reason or "User requested stop"
        execution.move(status=Status.STOPPED, completed_at=self._epoch, error_message=reason)
        execution.emit("flow:cancelled", reason=reason, executionTime=0)

    async def pause(
        self,
        principal: Principal,
        execution_id: str,
        *,
        reason: str | None = None,
        tree: bool = False,
        now: bool = False,
        command_id: str | None = None,
    ) -> None:
        execution = self._execution(principal, execution_id)
        if execution.row.status is not Status.RUNNING:
            raise IllegalTransition(execution_id, "pause", execution.row.status)
        execution.move(status=Status.PAUSED)
        execution.emit("flow:paused", reason=reason, by=principal.user_id, tree=tree, now=now)

    async def resume(
        self,
        principal: Principal,
        execution_id: str,
        *,
        tree: bool = False,
        command_id: str | None = None,
    ) -> None:
        execution = self._execution(principal, execution_id)
        execution.move(status=Status.RUNNING)
        execution.emit("flow:resumed", by=principal.user_id, tree=tree)

    async def step(
        self, principal: Principal, execution_id: str, *, command_id: str | None = None
    ) -> None:
        execution = self._execution(principal, execution_id)
        execution.emit("debug:stepped", nodeId="n0", by=principal.user_id)

    async def set_breakpoints(
        self,
        principal: Principal,
        execution_id: str,
        breakpoints: Sequence[str | Mapping[str, Any]],
        *,
        command_id: str | None = None,
    ) -> None:
        execution = self._execution(principal, execution_id)
        execution.emit("debug:breakpoints-set", breakpoints=breakpoints, by=principal.user_id)

    async def signal(
        self,
        principal: Principal,
        execution_id: str,
        name: str,
        value: Any = None,
        *,
        command_id: str | None = None,
    ) -> None:
        if (execution := self.executions.get(execution_id)) is None:
            raise ExecutionNotFound(execution_id)
        if principal.user_id != ASSIGNEE and not principal.may_use(execution.row.owner_id):
            raise Forbidden(f"execution {execution_id}")
        said = {"name": name, "value": value, "by": principal.user_id}
        execution.emit("signal:received", signalId=command_id, **said)

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
        row = self._execution(principal, execution_id).row
        fork_id = await self.create(principal, row.flow_id, idempotency_key=idempotency_key)
        self.executions[fork_id].move(forked_from=row.id)
        asked = {"nodes": nodes, "inputs": inputs, "newer": newer}
        self.executions[fork_id].emit("node:debug-log-string", log=asked)
        if start:
            await self.start(principal, fork_id)
        return fork_id

    async def retry(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: bool = True,
        idempotency_key: str | None = None,
    ) -> str:
        row = self._execution(principal, execution_id).row
        if row.status is not Status.STOPPED:
            raise BadInput("There is nothing to retry: no node has failed")
        return await self.fork(
            principal, execution_id, start=start, idempotency_key=idempotency_key
        )

    async def flows(self, principal: Principal) -> list[StoredFlow]:
        return [
            await self.flow(principal, each) for each in OWNERS if principal.may_use(OWNERS[each])
        ]

    async def flow(self, principal: Principal, flow_id: str) -> StoredFlow:
        self._check_flow(principal, flow_id)
        return StoredFlow(flow_id, {"nodes": []}, OWNERS[flow_id], 1, EPOCH, EPOCH)

    async def store_flow(
        self, principal: Principal, document: Mapping[str, Any], flow_id: str | None = None
    ) -> StoredFlow:
        raise NotImplementedError

    async def delete_flow(self, principal: Principal, flow_id: str) -> None:
        raise NotImplementedError

    async def catalog(self) -> list[Declared]:
        return []

    async def details(self, principal: Principal, execution_id: str) -> ExecutionRow:
        return self._execution(principal, execution_id).row

    async def tree(self, principal: Principal, execution_id: str) -> list[TreeNode]:
        return [TreeNode(execution_id, None, 0, self._execution(principal, execution_id).row)]

    async def roots(
        self, principal: Principal, flow_id: str | None, *, limit: int, after: datetime | None
    ) -> list[Root]:
        assert flow_id is not None
        self._check_flow(principal, flow_id)
        rows = [each.row for each in self.executions.values() if each.row.flow_id == flow_id]
        older = [row for row in rows if after is None or row.created_at < after]
        return [Root(row, 0, 0) for row in reversed(older)][:limit]

    async def page(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: int,
        limit: int,
        view: View,
        types: frozenset[str],
    ) -> EventPage:
        events = self._execution(principal, execution_id).events
        return EventPage(tuple(events[start:][:limit]), len(events), events[-1].is_last)

    async def follow(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: int = 0,
        view: View = "full",
        types: frozenset[str] = frozenset(),
    ) -> AsyncGenerator[list[SeenEvent]]:
        execution = self._execution(principal, execution_id)
        at = start if start >= 0 else max(0, len(execution.events) + start)
        self.followers += 1
        self.idle.clear()
        try:
            while not (at > 0 and execution.events[min(at, len(execution.events)) - 1].is_last):
                changed, page = execution.changed, execution.events[at:]
                at = max(at, len(execution.events))
                if wanted := [event for event in page if not types or event.type in types]:
                    yield wanted
                if not page:
                    await changed.wait()
        finally:
            self.followers -= 1
            if not self.followers:
                self.idle.set()

    async def follow_tree(
        self,
        principal: Principal,
        execution_id: str,
        *,
        cursor: str | None = None,
        view: View = "full",
        types: frozenset[str] = frozenset(),
    ) -> AsyncIterator[TreeBatch]:
        """A tree of one; its cursor is `at-` and the next position."""
        start = int((cursor or "at-0").removeprefix("at-"))
        pages = self.follow(principal, execution_id, start=start, view=view, types=types)
        async with aclosing(pages):
            async for page in pages:
                events = tuple(TreeEvent(execution_id, each) for each in page)
                yield TreeBatch(f"at-{page[-1].position + 1}", events)

    async def share(
        self,
        principal: Principal,
        execution_id: str,
        *,
        expires_in: timedelta | None = None,
        name: str = "",
    ) -> tuple[Token, str]:
        self._execution(principal, execution_id)
        made, text = new_token(
            "share", created_at=0, life=expires_in, name=name, execution_id=execution_id
        )
        self.given[made.id] = made
        return made, text

    async def shares(self, principal: Principal, execution_id: str) -> list[Token]:
        self._execution(principal, execution_id)
        return [each for each in self.given.values() if each.execution_id == execution_id]

    async def unshare(self, principal: Principal, execution_id: str, token_id: str) -> None:
        self._execution(principal, execution_id)
        del self.given[token_id]

    def _execution(self, principal: Principal, execution_id: str) -> _Execution:
        if (execution := self.executions.get(execution_id)) is None:
            raise ExecutionNotFound(execution_id)
        if not principal.may_use(execution.row.owner_id):
            raise Forbidden(f"execution {execution_id}")
        return execution

    def _check_flow(self, principal: Principal, flow_id: str) -> None:
        if flow_id not in OWNERS:
            raise FlowNotFound(flow_id)
        if not principal.may_use(OWNERS[flow_id]):
            raise Forbidden(f"flow {flow_id}")
