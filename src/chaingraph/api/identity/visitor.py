"""Who is at the other end of a connection: asked at its begin, and again while it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from chaingraph.api.identity.credentials import Authenticate, Credentials, everyone_is_local
from chaingraph.api.identity.rates import Rate
from chaingraph.api.identity.standing import while_passing
from chaingraph.execution.principals import Principal
from chaingraph.trpc.router import Procedure, ReadInput

RECHECK_SECONDS: Final = 8.0
"""A token that is revoked closes its streams within 30 s: this, and what stores remember."""


@dataclass(frozen=True, slots=True)
class Gate:
    """How callers are known, for how long, and how often they may call."""

    authenticate: Authenticate = everyone_is_local
    rate: Rate | None = None
    recheck: float | None = RECHECK_SECONDS
    """Seconds for which a connection's caller stays known. None, for its life, is for a gate that
    everybody passes."""
    now: Callable[[], float] = monotonic

    @property
    def is_open(self) -> bool:
        """Whether everybody is somebody here."""
        return self.recheck is None

    def visitor(self, credentials: Credentials) -> Visitor:
        return Visitor(self, credentials)


OPEN_GATE: Final = Gate(recheck=None)
"""Everybody is let in, as `local`."""


class Visitor:
    """The sender of one request, or of everything on one connection."""

    def __init__(self, gate: Gate, credentials: Credentials) -> None:
        self._gate = gate
        self._credentials = credentials
        self._known: Principal | None = None
        self._known_until = -1.0
        self._asking: asyncio.Task[Principal | None] | None = None

    async def is_known(self) -> bool:
        """Whether it is somebody; what it may do is another matter."""
        return self._gate.is_open or await self._caller() is not None

    async def call(self, procedure: Procedure, read_input: ReadInput) -> Any:
        """What the procedure gives to this caller. Raises TooManyCalls.

        A subscription goes on for as long as its caller would be admitted anew; then it raises
        what that raises.
        """
        caller = await self._caller()
        self._count(caller)
        result = await procedure.call(caller, read_input)
        if procedure.kind != "subscription" or self._gate.recheck is None:
            return result

        async def check() -> None:
            self._known_until = -1.0
            await procedure.admit(await self._caller(), read_input)

        return while_passing(result, check, self._gate.recheck, self._gate.now)

    async def _caller(self) -> Principal | None:
        """Whoever waits while it is asked gets the same answer, at the same time."""
        if self._gate.now() < self._known_until:
            return self._known
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Principal | None:
        recheck = self._gate.recheck
        self._known = await self._gate.authenticate(self._credentials)
        self._known_until = self._gate.now() + (float("inf") if recheck is None else recheck)
        return self._known

    def _asked(self, task: asyncio.Task[Principal | None]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # whoever waited was told; perhaps nobody did any more

    def _count(self, caller: Principal | None) -> None:
        if self._gate.rate is not None:
            nobody = f"address {self._credentials.address}"
            self._gate.rate.count(nobody if caller is None else f"user {caller.user_id}")
