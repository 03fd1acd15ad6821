"""From a function or class to the body of a node type. All that can be is decided beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from copy import deepcopy
from typing import Any, TypeAlias

from chaingraph.engine.declaration import DeclaredPort
from chaingraph.engine.node import Body, Context, Values

Take: TypeAlias = Callable[[Values], Values]
Give: TypeAlias = Callable[[Any], Values]
Call: TypeAlias = Callable[[Values, Context], Any]
Run: TypeAlias = Callable[[Any, Context], Any]


def taking(ports: Iterable[DeclaredPort]) -> Take:
    """Picks the values of these ports, in the form the body wants them.

    A port without a value gives its default. So does an output of a converted type: what is
    stored there may be no whole object yet.
    """
    ports = tuple(ports)
    defaults = tuple((each.key, each.default) for each in ports)
    converters = tuple((each, each.converter) for each in ports if each.converter is not None)

    def take(values: Values) -> Values:
        taken = {
            key: values[key] if key in values else deepcopy(default) for key, default in defaults
        }
        for each, converter in converters:
            if not each.port.direction.takes_values:
                taken[each.key] = deepcopy(each.default)
            elif each.key in values:
                taken[each.key] = converter.load(values[each.key])
        return taken

    return take


def giving(ports: Iterable[DeclaredPort], read: Callable[[Any, str], Any]) -> Give:
    """Picks the values of these ports out of a result, in the form the flow wants them.

    Streams are left out: what they carry was sent already.
    """
    ports = tuple(each for each in ports if not each.is_stream)
    keys = tuple(each.key for each in ports)
    converters = tuple((each.key, each.converter) for each in ports if each.converter is not None)

    def give(result: Any) -> Values:
        given = {key: read(result, key) for key in keys}
        for key, converter in converters:
            given[key] = converter.dump(given[key])
        return given

    return give


def nothing(values: Values, ctx: Context) -> Values:
    """The body of a node that only stands there."""
    return {}


def no_result(result: Any) -> Values:
    return {}


def function_call(function: Callable[..., Any], context: str | None) -> Call:
    """Calls `function` with the values by name; `context` names the parameter for the Context."""
    if context is None:
        return lambda arguments, ctx: function(**arguments)
    return lambda arguments, ctx: function(**arguments, **{context: ctx})


def class_call(cls: type, run: Run) -> Call:
    """Runs a fresh instance with the values as attributes, and returns it."""

    def call(attributes: Values, ctx: Context) -> Any:
        instance = _instance(cls, attributes)
        run(instance, ctx)
        return instance

    return call


def async_class_call(cls: type, run: Run) -> Call:
    async def call(attributes: Values, ctx: Context) -> Any:
        instance = _instance(cls, attributes)
        await run(instance, ctx)
        return instance

    return call


def sync_body(call: Call, take: Take, give: Give) -> Body:
    def body(values: Values, ctx: Context) -> Values:
        return give(call(take(values), ctx))

    return body


def async_body(call: Call, take: Take, give: Give, streams: tuple[str, ...]) -> Body:
    async def body(values: Values, ctx: Context) -> Values:
        arguments = take(values)
        with _streaming(streams, values, ctx):
            return give(await call(arguments, ctx))

    return body


def generator_body(call: Call, take: Take, stream: str, streams: tuple[str, ...]) -> Body:
    async def body(values: Values, ctx: Context) -> Values:
        arguments = take(values)
        with _streaming(streams, values, ctx):
            async with aclosing(call(arguments, ctx)) as items:
                async for item in items:
                    await values[stream].send(item)
        return {}

    return body


def _instance(cls: type, attributes: Values) -> Any:
    instance = cls()
    for key, value in attributes.items():
        setattr(instance, key, value)
    return instance


@contextmanager
def _streaming(streams: tuple[str, ...], values: Values, ctx: Context) -> Iterator[None]:
    """Output streams are passed on as soon as the body begins, and end with it.

    When it is cancelled its node says why, and closes them.
    """
    for key in streams:
        ctx.resolve_port(key)
    try:
        yield
    except Exception as error:
        _close(streams, values, str(error) or type(error).__name__)
        raise
    _close(streams, values, None)


def _close(streams: tuple[str, ...], values: Values, failure: str | None) -> None:
    for key in streams:
        values[key].close(failure)
