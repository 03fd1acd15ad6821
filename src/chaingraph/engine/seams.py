"""What a run asks of the journal, of its execution and of the vault, and a step of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from chaingraph.engine.events import EventType
from chaingraph.engine.waits import Child
from chaingraph.flow.ports import Json
from chaingraph.flow.secrets import Sealed


class Recorder(Protocol):
    """The engine's side of the journal."""

    def record(self, type_: EventType, data: dict[str, Any]) -> None:
        """Add an event at the end. It is seen by nobody until it is committed."""

    async def committed(self) -> None:
        """Return when all that was recorded is committed under a lease that is still good."""

    async def room(self) -> None:
        """Let others run; wait while too much is recorded and not yet committed."""

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call once all that was recorded so far is committed."""


class Bounds(Protocol):
    """What a step needs to know of the run around it."""

    def meaning(self, node_id: str, error: BaseException) -> Exception:
        """What the node fails with whose body ended in `error`.

        Raises CancelledError when nothing is to be said of it."""

    def may_retry(self) -> bool: ...
    def waits(self, node_id: str) -> None:
        """The node began to wait, or is to be tried again later: its state says for what."""

    def ask_human(self, node_id: str, message: str) -> None:
        """The node has used up its tries, and is to be looked at."""

    def passed_limit(self, node_id: str, message: str) -> None: ...


class Vault(Protocol):
    """Seals secrets and opens them. Safe from any thread. Raises SecretKeyMissing."""

    def seal(self, value: Json, owner: str) -> Sealed:
        """A JSON value for things of this owner: the same value, the same seal."""

    def open(self, sealed: Sealed, owner: str) -> Json:
        """What was sealed for this owner. Raises SecretUnreadable."""


class Children(Protocol):
    """Executions that this one begins."""

    def check(self, more: int) -> None:
        """Raises LimitPassed when there may not be so many more."""

    def emit(self, node_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """A child for each event, in one commit with what was recorded last."""

    async def call(self, node_id: str, wanted: Child) -> str:
        """A child that runs another flow; its id. In one commit with what is recorded next.

        Raises LimitPassed, and what the node fails with when there is no such flow."""
