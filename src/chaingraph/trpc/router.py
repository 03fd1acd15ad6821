"""Procedures by their dotted names, how one is called, and what a subscription may give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["query", "mutation", "subscription"]
ReadInput: TypeAlias = Callable[[], Any]
"""Gives the decoded input, or raises what was wrong with it. Called late, so that a refusal
to serve the caller at all comes first."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """What a server offers under one name.

    `admit` sees the caller and the raw input and raises to refuse; `parse` makes the handler's
    input of the raw one. The handler of a subscription returns an async iterator; what fails
    before that is a refusal, what fails inside is the end of a stream that had begun.
    """

    kind: Kind
    parse: Callable[[Any], Any]
    handle: Callable[[Any, Any], Awaitable[Any]]
    admit: Callable[[Any, ReadInput], Awaitable[None]]

    async def call(self, caller: Any, read_input: ReadInput) -> Any:
        await self.admit(caller, read_input)
        return await self.handle(caller, self.parse(read_input()))


@dataclass(frozen=True, slots=True)
class Tracked:
    """A value of a subscription, and the id that a client which comes back has heard last.

    It is then the member `lastEventId` of the input. Ids are of one line and not empty.
    """

    id: str
    value: Any


Router: TypeAlias = Mapping[str, Procedure]
