"""The asyncio driver of tRPC over WebSocket: it does what the session says, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope, Send

from chaingraph.api.batches import closing
from chaingraph.api.farewell import Farewell
from chaingraph.api.identity.credentials import Credentials
from chaingraph.api.identity.visitor import Gate, Visitor
from chaingraph.api.outbox import Outbox
from chaingraph.api.uploads import unhurried
from chaingraph.trpc import over_ws
from chaingraph.trpc.limits import DEFAULT_LIMITS, Limits
from chaingraph.trpc.messages import Call
from chaingraph.trpc.over_ws import Abort, Action, Begin, CloseSoon, Large, Open, Session
from chaingraph.trpc.router import Procedure
from chaingraph.trpc.wire import Wire


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """PING after so many seconds of silence; after so many more the client is given up."""

    ping_after: float = 5.0
    give_up_after: float = 10.0


@dataclass(frozen=True, slots=True)
class TrpcWebSocket:
    """An ASGI application for WebSocket connections."""

    wire: Wire
    gate: Gate
    farewell: Farewell
    keep_alive: KeepAlive | None = None
    close_delay: float = 1.0
    limits: Limits = DEFAULT_LIMITS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        with self.farewell.attended():
            await _Connection(self, scope).serve(receive, send)


class _Connection:
    def __init__(self, app: TrpcWebSocket, scope: Scope) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        announced = query.get("connectionParams", [""])[0] == "1"
        self._app = app
        self._scope = scope
        self._session = Session(app.wire, params_announced=announced, limits=app.limits)
        self._outbox = Outbox()
        self._heard = asyncio.Event()
        self._visitor: asyncio.Future[Visitor] = asyncio.get_running_loop().create_future()
        self._tasks = asyncio.TaskGroup()
        self._running: dict[Any, asyncio.Task[None]] = {}

    async def serve(self, receive: Receive, send: Send) -> None:
        """Until the client is gone; all calls have ended and cleaned up then."""
        async with self._tasks:
            self._spawn("writer", self._outbox.write_to(send))
            self._spawn("farewell", self._take_leave())
            if self._app.keep_alive is not None:
                self._spawn("keep-alive", self._keep_alive(self._app.keep_alive))
            await self._do(self._session.open())
            while (message := await receive())["type"] == "websocket.receive":
                self._heard.set()
                if (reading := self._ahead_of(message)) is not None:
                    await asyncio.wait([reading])
                await self._do(self._actions(message))
            for task in self._running.values():
                task.cancel()

    def _ahead_of(self, message: Message) -> asyncio.Task[None] | None:
        """The large message that is being read; only PING and PONG overtake it."""
        if message.get("text") in (over_ws.PING, over_ws.PONG):
            return None
        return self._running.get("large")

    def _actions(self, message: Message) -> list[Action]:
        if (text := message.get("text")) is not None:
            return self._session.receive_text(text)
        return self._session.receive_binary()

    async def _do(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case over_ws.Send(text, urgent=True):
                    self._outbox.put_urgent(text)
                case over_ws.Send(text):
                    await self._outbox.put(text)
                case Open(params):
                    credentials = Credentials.of(self._scope, params)
                    self._visitor.set_result(self._app.gate.visitor(credentials))
                case Begin(call, procedure):
                    self._spawn(call, self._run(call, procedure))
                case Abort(call):
                    if (task := self._running.get(call)) is not None:
                        task.cancel()
                case CloseSoon(code):
                    self._spawn("close", self._close_soon(code))
                case Large(text):
                    self._spawn("large", self._read_large(text))

    def _spawn(self, key: Any, work: Any) -> None:
        """A task under `key`, which it gives back when it ends."""
        task = self._running[key] = self._tasks.create_task(work)
        task.add_done_callback(lambda _: self._running.pop(key))

    async def _read_large(self, text: str) -> None:
        try:
            if not await self._visitor.result().is_known():
                await self._do(self._session.refuse_stranger())
                return
            requests = await unhurried(len(text), partial(self._session.read, text))
        except Exception as error:
            await self._do(self._session.refuse(error))
            return
        await self._do(self._session.take(requests))

    async def _run(self, call: Call, procedure: Procedure) -> None:
        started = False
        try:
            visitor = await asyncio.shield(self._visitor)
            result = await visitor.call(procedure, lambda: call.input)
            if call.kind != "subscription":
                await self._do(self._session.answered(call, result))
                return
            started = True
            await self._do(self._session.started(call))
            async with closing(result) as values:
                async for value in values:
                    await self._do(self._session.data(call, value))
            await self._do(self._session.ended(call))
        except Exception as error:
            await self._do(self._session.failed(call, error, started=started))

    async def _keep_alive(self, times: KeepAlive) -> None:
        while True:
            if await self._hears(times.ping_after):
                continue
            self._outbox.put_urgent(over_ws.PING)
            if not await self._hears(times.give_up_after):
                self._outbox.close(1001)
                return

    async def _hears(self, seconds: float) -> bool:
        self._heard.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return False
        return True

    async def _take_leave(self) -> None:
        """A notice without the close behind it would bring the client back twice."""
        await self._app.farewell.begun.wait()
        self._outbox.close(1012, over_ws.RECONNECT)

    async def _close_soon(self, code: int) -> None:
        await asyncio.sleep(self._app.close_delay)
        self._outbox.close(code)
