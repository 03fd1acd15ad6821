"""The client for programs with an event loop; its calls are the procedures of the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any
from uuid import uuid4

from chaingraph.client import following
from chaingraph.client.connection import Connection
from chaingraph.client.following import View
from chaingraph.client.outcomes import TYPES, Outcome, outcome
from chaingraph.client.patience import Patience
from chaingraph.client.reading import read_execution, read_root, read_share, read_tree_node
from chaingraph.client.records import Event, Execution, Root, Share, TreeBatch, TreeNode

_JsonObject = Mapping[str, Any]


class AsyncClient:
    """A server at `url`, called as whoever `token` names.

    A server that does not answer is asked again for `timeout` seconds; then ServerUnreachable
    or StoreUnavailable is raised. What is repeated happens once: each
    command has an id, and so has each new execution. A caller gives ids of its own
    (`command_id`, `idempotency_key`) to repeat something after its own restart.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 30.0) -> None:
        self._connection = Connection(url, token, timeout)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up all connections. Leaving `async with` does it too."""
        await self._connection.close()

    async def create(
        self,
        flow_id: str,
        *,
        options: _JsonObject | None = None,
        integration: _JsonObject | None = None,
        events: Sequence[_JsonObject] | None = None,
        inputs: _JsonObject | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Make an execution of a stored flow and return its id. It waits for `start`.

        `inputs` gives values for ports by `node.port`.
        """
        return await self._new(
            "create",
            idempotency_key,
            flowId=flow_id,
            options=options,
            integration=integration,
            events=events,
            inputs=inputs,
        )

    async def fork(
        self,
        execution_id: str,
        *,
        nodes: Sequence[str] = (),
        inputs: _JsonObject | None = None,
        newer: bool = False,
        start: bool = True,
        idempotency_key: str | None = None,
    ) -> str:
        """A new execution that goes on from an old one; its id.

        `nodes`, what depends on them and what had not ended run. `inputs` (`node.port` -> value)
        replace those of nodes that run; `newer` takes the flow as it is stored now.
        """
        return await self._new(
            "fork",
            idempotency_key,
            executionId=execution_id,
            nodes=list(nodes),
            inputs=inputs,
            newer=newer,
            start=start,
        )

    async def retry(
        self, execution_id: str, *, start: bool = True, idempotency_key: str | None = None
    ) -> str:
        """A fork from the nodes that failed; its id."""
        return await self._new("retry", idempotency_key, executionId=execution_id, start=start)

    async def start(self, execution_id: str, *, command_id: str | None = None) -> None:
        """Let a created execution run."""
        await self._send("start", execution_id, command_id)

    async def stop(
        self, execution_id: str, *, reason: str | None = None, command_id: str | None = None
    ) -> None:
        """Cancel what runs and end in `flow:cancelled`; its children with it."""
        await self._send("stop", execution_id, command_id, reason=reason)

    async def pause(
        self,
        execution_id: str,
        *,
        reason: str | None = None,
        tree: bool = False,
        now: bool = False,
        command_id: str | None = None,
    ) -> None:
        """Let running bodies end and begin no more nodes, until `resume`.

        `tree` pauses all descendants too; `now` cancels what runs, which runs again then.
        """
        given = {"reason": reason, "tree": tree, "now": now}
        await self._send("pause", execution_id, command_id, **given)

    async def resume(
        self, execution_id: str, *, tree: bool = False, command_id: str | None = None
    ) -> None:
        """Go on, up to the next breakpoint."""
        await self._send("resume", execution_id, command_id, tree=tree)

    async def step(self, execution_id: str, *, command_id: str | None = None) -> None:
        """Run one node of a paused execution, the first that is held."""
        await self._send("step", execution_id, command_id)

    async def set_breakpoints(
        self,
        execution_id: str,
        breakpoints: Sequence[str | _JsonObject],
        *,
        command_id: str | None = None,
    ) -> None:
        """Hold at these nodes and edges, and at no others: the id of a node,
        `{"nodeId": ..., "condition": ...}` or `{"edgeId": ..., "condition": ...}`."""
        await self._send("setBreakpoints", execution_id, command_id, breakpoints=list(breakpoints))

    async def signal(
        self, execution_id: str, name: str, value: Any = None, *, command_id: str | None = None
    ) -> None:
        """Send a value to the node that waits, or will wait, for a signal of this name."""
        await self._send("sendSignal", execution_id, command_id, name=name, value=value)

    async def details(self, execution_id: str) -> Execution:
        """An execution as it stands."""
        return read_execution(
            await self._connection.query("getExecutionDetails", executionId=execution_id)
        )

    async def tree(self, execution_id: str) -> list[TreeNode]:
        """The execution and all its descendants, by level."""
        found = await self._connection.query("getExecutionsTree", executionId=execution_id)
        return [read_tree_node(each) for each in found]

    async def roots(
        self, flow_id: str, *, limit: int = 50, after: datetime | None = None
    ) -> list[Root]:
        """Root executions of a flow, newest first; the next page comes `after` the last one's
        `created_at`."""
        found = await self._connection.query(
            "getRootExecutions", flowId=flow_id, limit=limit, after=after
        )
        return [read_root(each) for each in found]

    async def share(
        self, execution_id: str, *, name: str = "", expires_in: timedelta | None = None
    ) -> Share:
        """A token for others to watch this execution, for a week if nothing else is said."""
        seconds = None if expires_in is None else expires_in.total_seconds()
        return read_share(
            await self._connection.mutate(
                "shareExecution", executionId=execution_id, name=name, expiresInSeconds=seconds
            )
        )

    async def shares(self, execution_id: str) -> list[Share]:
        """The shares that are good now, newest first."""
        found = await self._connection.query("getShares", executionId=execution_id)
        return [read_share(each) for each in found]

    async def unshare(self, execution_id: str, share_id: str) -> None:
        """Take a share back. Who watches with it is cut off within half a minute."""
        await self._connection.mutate(
            "unshareExecution", executionId=execution_id, shareId=share_id
        )

    def follow(
        self,
        execution_id: str,
        start: int = 0,
        *,
        view: View = "full",
        types: Collection[str] = (),
        timeout: float | None = None,
    ) -> AsyncGenerator[Event]:
        """The events from position `start` on, until the last one; -3: the last three and on.

        Lost connections and restarts of the server are not noticed, unless it stays away for
        longer than `timeout` seconds (those of the client if it is None). `types` filters.
        """
        return following.follow(
            self._connection,
            self._patience(timeout),
            execution_id,
            start=start,
            view=view,
            types=types,
        )

    def follow_tree(
        self,
        execution_id: str,
        cursor: str | None = None,
        *,
        view: View = "full",
        types: Collection[str] = (),
        timeout: float | None = None,
    ) -> AsyncGenerator[TreeBatch]:
        """As `follow`, of the execution and all its descendants, until all of them have ended.

        With the cursor of a batch another stream goes on after it.
        """
        return following.follow_tree(
            self._connection,
            self._patience(timeout),
            execution_id,
            cursor=cursor,
            view=view,
            types=types,
        )

    async def run(
        self,
        flow_id: str,
        *,
        options: _JsonObject | None = None,
        integration: _JsonObject | None = None,
        events: Sequence[_JsonObject] | None = None,
        inputs: _JsonObject | None = None,
        idempotency_key: str | None = None,
    ) -> Outcome:
        """Create an execution, start it, and return when it has ended.

        With the same `idempotency_key` it is the same execution, wherever it is by then. It goes
        on when the caller does not wait for it any more.
        """
        key = idempotency_key or _new_id()
        execution_id = await self.create(
            flow_id,
            options=options,
            integration=integration,
            events=events,
            inputs=inputs,
            idempotency_key=key,
        )
        await self.start(execution_id, command_id=key)
        async with aclosing(self.follow(execution_id, types=TYPES)) as seen:
            return await outcome(execution_id, seen)

    def _patience(self, timeout: float | None) -> Patience:
        return Patience(self._connection.timeout if timeout is None else timeout)

    async def _new(self, procedure: str, key: str | None, **given: Any) -> str:
        made = await self._connection.mutate(procedure, idempotencyKey=key or _new_id(), **given)
        execution_id: str = made["executionId"]
        return execution_id

    async def _send(
        self, procedure: str, execution_id: str, command_id: str | None, **given: Any
    ) -> None:
        await self._connection.mutate(
            procedure, executionId=execution_id, commandId=command_id or _new_id(), **given
        )


def _new_id() -> str:
    return uuid4().hex
