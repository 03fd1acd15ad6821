"""Reads a function or a class: which ports it declares, and what its body is."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from chaingraph.engine import bodies
from chaingraph.engine.channel import StreamWriter
from chaingraph.engine.declaration import DeclaredPort, declare
from chaingraph.engine.hints import UnknownHint
from chaingraph.engine.node import Body, Context
from chaingraph.engine.port_options import MISSING, PortOptions
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
    draft = Draft(name)
    hints = _hints(function, name)
    context = None
    for parameter in _parameters(function, name, hints, passthrough):
        if hints[parameter.name] is Context:
            context = parameter.name
        else:
            through = parameter.name in passthrough
            direction = Direction.PASSTHROUGH if through else Direction.INPUT
            default = MISSING if parameter.default is parameter.empty else parameter.default
            draft.declare(parameter.name, hints[parameter.name], default, direction)
    if len(draft.only(Direction.OUTPUT)) > len(draft.streams):
        raise BadNodeType(name, "a parameter is no output; return the value instead")
    take = bodies.taking(draft.declared.values())
    call = bodies.function_call(function, context)
    give = _declare_returned(draft, hints["return"], output)
    if inspect.isasyncgenfunction(function):
        draft.is_async = True
        draft.body = bodies.generator_body(call, take, output, draft.streams)
    elif inspect.iscoroutinefunction(function):
        draft.is_async = True
        draft.body = bodies.async_body(call, take, give, draft.streams)
    else:
        draft.body = bodies.sync_body(call, take, give)
    return draft


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
        draft.declare(output, _stream_hint(returned), MISSING, Direction.OUTPUT)
        return bodies.giving([draft.declared[output]], lambda result, key: result)
    before = len(draft.declared)
    for key, hint in _hints(returned, draft.name).items():
        default = returned._field_defaults.get(key, MISSING)
        draft.declare(key, hint, default, Direction.OUTPUT)
    return bodies.giving(list(draft.declared.values())[before:], getattr)


def _is_named_tuple(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _stream_hint(returned: Any) -> Any:
    """What an async generator yields goes into an output stream."""
    if get_origin(returned) in (AsyncIterator, AsyncGenerator):
        return StreamWriter[get_args(returned)[0]]  # type: ignore[misc]
    return returned


def read_class(cls: type, name: str) -> Draft:
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


def _hints(thing: Any, name: str) -> dict[str, Any]:
    try:
        return get_type_hints(thing, include_extras=True)
    except Exception as error:
        raise BadNodeType(name, f"its type hints cannot be read: {error}") from error
