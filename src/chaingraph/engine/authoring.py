"""`@node`: a function or a class becomes a node type; its type hints are its ports.

    @node(kind="pure", quick=True)
    def shout(text: str, times: int = 1) -> str:        # Shout: text, times -> result
        \"\"\"Text in capitals.\"\"\"
        return text.upper() * times

    @node(category="math")
    class Counter:
        count: float = passthrough(0)
        step: Annotated[float, port(min=0)] = 1
        message: str = output("")

        def run(self, ctx: Context) -> None:
            self.count += self.step
            self.message = f"now {self.count}"

What is decorated stays what it was, so tests call it as it is; its `node_type` is the NodeType.

**Functions.** Parameters are inputs, one annotated `Context` gets the context. The returned value
is one output port (`output="result"`); a NamedTuple is one output port for each of its fields;
`-> None` is none. An async generator fills one output stream with what it yields.

**Classes.** Annotated attributes are ports, those with a leading underscore are not. Each run
has an instance of its own (`cls()`) with the values as attributes; outputs start with their
current values. After `run` the outputs and passthroughs are given on. Without `run` values only
pass through.

**Values.** Scalars, lists and dicts come as they are in the flow. Dataclasses, TypedDicts,
Pydantic models and enums are built from JSON before the body and turned to JSON after it. A
`Secret` is opened before the body and sealed after it; `port(sensitive=True)` seals any type.
A `StreamWriter[T]` is an output stream: passed on as the body begins, closed when it ends.
To fail, raise any error; the message of a `NodeError` is shown without the name of its class.

**Waiting.** `waits` is asked before the body runs, with those values that its parameters name,
and the context if it names `ctx`. What it returns (`engine.waits`: a Sleep, a Signal, a Child) is
waited for without holding anything, over restarts; then the body runs, with `ctx.answer`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import update_wrapper
from typing import Any, TypeVar

from chaingraph.engine.channel import StreamWriter
from chaingraph.engine.draft import Draft, read_class, read_function, read_waits
from chaingraph.engine.hints import Stream, humanise
from chaingraph.engine.node import Context, Kind, NodeError, NodeType
from chaingraph.engine.port_options import output, passthrough, port
from chaingraph.engine.waits import Wait
from chaingraph.errors import BadNodeType
from chaingraph.flow.secrets import Secret

__all__ = [
    "Context",
    "NodeError",
    "Secret",
    "Stream",
    "StreamWriter",
    "node",
    "node_type_of",
    "output",
    "passthrough",
    "port",
]

Authored = TypeVar("Authored", bound=Callable[..., Any])


def node(
    *,
    name: str | None = None,
    title: str | None = None,
    category: str = "other",
    description: str | None = None,
    kind: str = "effect",
    quick: bool = False,
    listens: bool = False,
    version: int = 1,
    output: str = "result",
    passthrough: Collection[str] = (),
    waits: Callable[..., Wait | None] | None = None,
    flow_ports: Mapping[str, Any] | None = None,
) -> Callable[[Authored], Authored]:
    """Make a node type of a function or class; see above.

    The name is that of the class, or of the function in CamelCase; the description is the
    docstring. `output` and `passthrough` are about functions. Raises BadNodeType.
    """

    def decorate(thing: Authored) -> Authored:
        called = name or _camel_case(thing.__name__)
        if isinstance(thing, type):
            draft = read_class(thing, called)
        else:
            draft = read_function(thing, called, output, passthrough)
        _check(draft, kind, quick)
        if waits is not None and (quick or kind != Kind.PURE):
            reason = "only a pure node that is not quick waits: let the next one have the effect"
            raise BadNodeType(draft.name, reason, "waits")
        made = NodeType(
            name=called,
            body=update_wrapper(draft.body, thing, ("__module__", "__qualname__"), ()),
            ports=draft.ports,
            title=title or humanise(called.removesuffix("Node") or called),
            category=category,
            description=inspect.cleandoc(description or thing.__doc__ or ""),
            version=version,
            kind=Kind(kind),
            is_async=draft.is_async,
            quick=quick,
            listens=listens,
            waits=read_waits(draft, waits) if waits is not None else None,
            flow_ports=flow_ports or {},
        )
        thing.node_type = made  # type: ignore[attr-defined]
        return thing

    return decorate


def node_type_of(thing: object) -> NodeType:
    """The NodeType of something decorated with `@node`. Raises BadNodeType if it is not."""
    found = thing if isinstance(thing, NodeType) else getattr(thing, "node_type", None)
    if not isinstance(found, NodeType):
        raise BadNodeType(getattr(thing, "__name__", repr(thing)), "is not decorated with @node")
    return found


def _camel_case(name: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in name.split("_") if word)


def _check(draft: Draft, kind: str, quick: bool) -> None:
    if kind not in list(Kind):
        known = ", ".join(Kind)
        raise BadNodeType(draft.name, f"unknown kind {kind!r}, expected one of {known}", "kind")
    if quick and (draft.is_async or kind != Kind.PURE):
        raise BadNodeType(draft.name, "only a pure function without async is quick", "quick")
    if not draft.is_async and any(each.is_stream for each in draft.declared.values()):
        raise BadNodeType(draft.name, "a node with streams has to be async")
