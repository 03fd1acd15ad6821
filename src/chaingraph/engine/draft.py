"""Reads a function or a class: which ports it declares, and what its body is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, ClassVar, cast, get_origin, get_type_hints

from chaingraph.engine import bodies
from chaingraph.engine.declaration import DeclaredPort, declare
from chaingraph.engine.hints import UnknownHint
from chaingraph.engine.node import Body, Context, Waits
from chaingraph.engine.port_options import MISSING, PortOptions
from chaingraph.engine.waits import Wait
from chaingraph.errors import BadNodeType
from chaingraph.flow.ports import Direction, Port


@dataclass
class Draft:
    """A node type in the making."""

    name: str
    declared: dict[str, DeclaredPort] = field(default_factory=dict)
    body: Body = bodies.nothing
    is_async: bool = False

    @property
    def ports(self) -> dict[str, Port]:
        return {key: each.port for key, each in self.declared.items()}

    @property
    def streams(self) -> tuple[str, ...]:
        """The output streams."""
        return tuple(each.key for each in self.only(Direction.OUTPUT) if each.is_stream)

    def only(self, *directions: Direction) -> list[DeclaredPort]:
        return [each for each in self.declared.values() if each.port.direction in directions]

    def declare(self, key: str, annotation: Any, default: Any, direction: Direction) -> None:
        if key in self.declared:
            raise BadNodeType(self.name, "there are two ports of this name", key)
        try:
            order = len(self.declared) + 1
            self.declared[key] = declare(key, annotation, default, direction, order)
        except UnknownHint as error:
            raise BadNodeType(self.name, str(error), key) from error


def read_function(
    function: Callable[..., Any], name: str, output: str, passthrough: Collection[str]
) -> Draft:
    """A function's parameters are its inputs; what it returns, or yields, is its output."""
    draft = Draft(name)
    hints = _hints(function, name)
    context = _declare_parameters(draft, function, hints, passthrough)
    call = bodies.function_call(function, context)
    take = bodies.taking(draft.declared.values())
    sent = draft.streams
    give = _declare_returned(draft, hints["return"], output)
    yields = inspect.isasyncgenfunction(function)
    if yields is not (draft.streams != sent):
        raise BadNodeType(
            name, "an async generator makes a stream, and nothing else does", "return"
        )
    draft.is_async = yields or inspect.iscoroutinefunction(function)
    if yields:
        draft.body = bodies.generator_body(call, take, output, draft.streams)
    elif draft.is_async:
        draft.body = bodies.async_body(call, take, give, draft.streams)
    else:
        draft.body = bodies.sync_body(call, take, give)
    return draft


def _declare_parameters(
    draft: Draft, function: Callable[..., Any], hints: dict[str, Any], passthrough: Collection[str]
) -> str | None:
    """Returns the name of the parameter that gets the context."""
    context = None
    for each in _parameters(function, draft.name, hints, passthrough):
        if hints[each.name] is Context:
            context = each.name
        else:
            through = each.name in passthrough
            direction = Direction.PASSTHROUGH if through else Direction.INPUT
            default = MISSING if each.default is each.empty else each.default
            draft.declare(each.name, hints[each.name], default, direction)
    if len(draft.only(Direction.OUTPUT)) > len(draft.streams):
        raise BadNodeType(draft.name, "a parameter is no output; return the value instead")
    return context


def _parameters(
    function: Callable[..., Any], name: str, hints: dict[str, Any], passthrough: Collection[str]
) -> Iterable[inspect.Parameter]:
    parameters = inspect.signature(function).parameters
    for key, each in parameters.items():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
            raise BadNodeType(name, "a port is passed by its name: no *, ** and / here", key)
    for key in (*parameters, "return"):
        if key not in hints:
            raise BadNodeType(name, "has no type hint", key)
    for key in passthrough:
        if key not in parameters:
            raise BadNodeType(name, "passthrough names no parameter", key)
    return parameters.values()


def _declare_returned(draft: Draft, returned: Any, output: str) -> bodies.Give:
    """One port; a NamedTuple is one for each field; None is none."""
    if returned is NoneType:
        return bodies.no_result
    if not _is_named_tuple(returned):
        draft.declare(output, returned, MISSING, Direction.OUTPUT)
        return bodies.giving([draft.declared[output]], lambda result, key: result)
    before = len(draft.declared)
    for key, hint in _hints(returned, draft.name).items():
        default = returned._field_defaults.get(key, MISSING)
        draft.declare(key, hint, default, Direction.OUTPUT)
    return bodies.giving(list(draft.declared.values())[before:], getattr)


def _is_named_tuple(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def read_class(cls: type, name: str) -> Draft:
    """A class's annotated attributes are its ports, `run` is its body."""
    draft = Draft(name)
    for key, hint in _hints(cls, name).items():
        if not key.startswith("_") and get_origin(hint) is not ClassVar:
            draft.declare(key, hint, getattr(cls, key, MISSING), Direction.INPUT)
            _leave_default(cls, key, draft.declared[key])
    take = bodies.taking(draft.declared.values())
    give = bodies.giving(draft.only(Direction.OUTPUT, Direction.PASSTHROUGH), getattr)
    run = getattr(cls, "run", _pass_through)
    draft.is_async = inspect.iscoroutinefunction(run)
    if draft.is_async:
        call = bodies.async_class_call(cls, _with_context(run, name))
        draft.body = bodies.async_body(call, take, give, draft.streams)
    else:
        call = bodies.class_call(cls, _with_context(run, name))
        draft.body = bodies.sync_body(call, take, give)
    return draft


def _pass_through(self: object) -> None:
    """What a class without `run` does."""


def _with_context(run: Callable[..., Any], name: str) -> bodies.Run:
    if inspect.isasyncgenfunction(run):
        raise BadNodeType(name, "sends to a StreamWriter instead of yielding", "run")
    count = len(inspect.signature(run).parameters)
    if count == 1:
        return lambda instance, ctx: run(instance)
    if count == 2:
        return run
    raise BadNodeType(name, "takes self and, if wanted, the context", "run")


def _leave_default(cls: type, key: str, declared: DeclaredPort) -> None:
    """Put the default where `passthrough(...)` stood, so that a bare instance has it."""
    if isinstance(getattr(cls, key, None), PortOptions):
        setattr(cls, key, declared.default)


def read_waits(draft: Draft, function: Callable[..., Wait | None]) -> Waits:
    """What a node waits for, by the values that the function's parameters name."""
    if inspect.iscoroutinefunction(function):
        raise BadNodeType(draft.name, "is asked for what to wait for; it does not wait", "waits")
    named = dict.fromkeys(inspect.signature(function).parameters)
    context = "ctx" if "ctx" in named and "ctx" not in draft.declared else None
    named.pop(context or "", None)
    for key in named:
        found = draft.declared.get(key)
        if found is None or found.is_stream or not found.port.direction.takes_values:
            raise BadNodeType(draft.name, f"{key} is no input of the node", "waits")
    take = bodies.taking(draft.declared[key] for key in named)
    call = bodies.function_call(function, context)
    return lambda values, ctx: cast("Wait | None", call(take(values), ctx))


def _hints(thing: Any, name: str) -> dict[str, Any]:
    try:
        return get_type_hints(thing, include_extras=True)
    except Exception as error:
        raise BadNodeType(name, f"its type hints cannot be read: {error}") from error
