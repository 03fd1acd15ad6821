"""The use cases behind the procedures. Each checks that its principal may do it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from chaingraph.execution.identity import Token
from chaingraph.execution.known_types import Declared
from chaingraph.execution.page import EventPage
from chaingraph.execution.ports import StoredFlow
from chaingraph.execution.principals import Principal
from chaingraph.execution.records import ExecutionRow
from chaingraph.execution.service import Root, TreeNode, View
from chaingraph.execution.tree_follow import TreeBatch
from chaingraph.execution.view import SeenEvent


class Beginning(Protocol):
    """Makes executions and gives their ids."""

    async def create(
        self,
        principal: Principal,
        flow_id: str,
        *,
        options: dict[str, Any] | None,
        integration: dict[str, Any] | None,
        events: list[dict[str, Any]] | None,
        inputs: dict[str, Any] | None,
        idempotency_key: str | None,
    ) -> str: ...

    async def fork(
        self,
        principal: Principal,
        execution_id: str,
        *,
        nodes: Sequence[str],
        inputs: dict[str, Any] | None,
        newer: bool,
        start: bool,
        idempotency_key: str | None,
    ) -> str: ...

    async def retry(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: bool,
        idempotency_key: str | None,
    ) -> str: ...


class Steering(Protocol):
    async def start(
        self, principal: Principal, execution_id: str, *, command_id: str | None = None
    ) -> None: ...

    async def stop(
        self,
        principal: Principal,
        execution_id: str,
        *,
        reason: str | None = None,
        command_id: str | None = None,
    ) -> None: ...

    async def pause(
        self,
        principal: Principal,
        execution_id: str,
        *,
        reason: str | None,
        tree: bool,
        now: bool,
        command_id: str | None,
    ) -> None: ...

    async def resume(
        self, principal: Principal, execution_id: str, *, tree: bool, command_id: str | None
    ) -> None: ...

    async def step(
        self, principal: Principal, execution_id: str, *, command_id: str | None
    ) -> None: ...

    async def set_breakpoints(
        self,
        principal: Principal,
        execution_id: str,
        breakpoints: Sequence[str | Mapping[str, Any]],
        *,
        command_id: str | None,
    ) -> None: ...

    async def signal(
        self,
        principal: Principal,
        execution_id: str,
        name: str,
        value: Any,
        *,
        command_id: str | None,
    ) -> None: ...


class Reading(Protocol):
    async def details(self, principal: Principal, execution_id: str) -> ExecutionRow: ...

    async def tree(self, principal: Principal, execution_id: str) -> Sequence[TreeNode]: ...

    async def roots(
        self, principal: Principal, flow_id: str | None, *, limit: int, after: datetime | None
    ) -> Sequence[Root]: ...


class Keeping(Protocol):
    """Keeps flows, and knows of which nodes they are made."""

    async def flows(self, principal: Principal) -> Sequence[StoredFlow]: ...

    async def flow(self, principal: Principal, flow_id: str) -> StoredFlow: ...

    async def store_flow(
        self, principal: Principal, document: Mapping[str, Any], flow_id: str | None = None
    ) -> StoredFlow: ...

    async def delete_flow(self, principal: Principal, flow_id: str) -> None: ...

    async def catalog(self) -> Sequence[Declared]: ...


class Following(Protocol):
    async def page(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: int,
        limit: int,
        view: View,
        types: frozenset[str],
    ) -> EventPage: ...

    def follow(
        self,
        principal: Principal,
        execution_id: str,
        *,
        start: int,
        view: View,
        types: frozenset[str],
    ) -> AsyncIterator[Sequence[SeenEvent]]: ...

    def follow_tree(
        self,
        principal: Principal,
        execution_id: str,
        *,
        cursor: str | None,
        view: View,
        types: frozenset[str],
    ) -> AsyncIterator[TreeBatch]: ...


class Sharing(Protocol):
    """Gives out tokens with which others may watch one execution."""

    async def share(
        self, principal: Principal, execution_id: str, *, expires_in: timedelta | None, name: str
    ) -> tuple[Token, str]: ...

    async def shares(self, principal: Principal, execution_id: str) -> Sequence[Token]: ...

    async def unshare(self, principal: Principal, execution_id: str, token_id: str) -> None: ...


class Service(Keeping, Beginning, Steering, Reading, Following, Sharing, Protocol):
    """All of them."""
