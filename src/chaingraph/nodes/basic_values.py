"""Values that stand in a flow: a number, a text, a list."""

from __future__ import annotations

from typing import Any

from chaingraph.engine.authoring import node, passthrough


@node(category="basic-values", title="Number Node", kind="pure", quick=True)
class NumberNode:
    """A number."""

    num: float = passthrough(0, title="Number")


@node(category="basic-values", title="Text Node", kind="pure", quick=True)
class TextNode:
    """A text."""

    text: str = passthrough("", title="Text")


@node(category="basic-values", title="Boolean Node", kind="pure", quick=True)
class BooleanNode:
    """True or false."""

    flag: bool = passthrough(False, title="Flag")


@node(category="basic-values", title="Array Node", kind="pure", quick=True)
class ArrayNode:
    """A list. `itemSchema` only says what its items look like."""

    itemSchema: Any = passthrough(title="Item Schema")
    array: list[Any] | None = passthrough(title="Array", is_mutable=True, is_schema_mutable=True)


@node(category="basic-values", title="Object Node", kind="pure", quick=True)
class ObjectNode:
    """An object; its properties are ports of their own (`object.name`)."""

    object: dict[str, Any] | None = passthrough(title="Object")
