"""A small wire to test with: its transformer marks every value, so a missed one is seen."""

from __future__ import annotations

from typing import Any

from chaingraph.trpc.codes import Failure, TRPCError
from chaingraph.trpc.router import Kind, Procedure, ReadInput
from chaingraph.trpc.transformer import Transformer
from chaingraph.trpc.wire import Wire

UNDEFINED = object()


def encode(value: Any) -> Any:
    if value is Ellipsis:
        raise ValueError("unwritable")
    return {"json": value}


def decode(envelope: Any) -> Any:
    if not isinstance(envelope, dict):
        raise ValueError("no envelope")
    return envelope.get("json", UNDEFINED)


def describe(error: BaseException) -> Failure:
    if isinstance(error, TRPCError):
        return Failure(error.code, str(error))
    return Failure("INTERNAL_SERVER_ERROR", "hidden", {"extra": 1})


async def admit(caller: Any, read_input: ReadInput) -> None:
    if caller is None:
        raise TRPCError("UNAUTHORIZED", "who?")


async def echo(caller: Any, given: Any) -> Any:
    return given


async def ignore(caller: Any, given: Any) -> str:
    return "ok"


def procedure(kind: Kind) -> Procedure:
    return Procedure(kind, lambda raw: raw, echo, admit)


WIRE = Wire(
    {
        "read": procedure("query"),
        "write": procedure("mutation"),
        "watch": procedure("subscription"),
    },
    Transformer(encode, decode, UNDEFINED),
    describe,
)
