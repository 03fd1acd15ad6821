"""Nodes that look into lists."""

from __future__ import annotations

from typing import Annotated, Any

from chaingraph.engine.authoring import NodeError, node, output, passthrough, port


@node(category="transforms", title="Array Element", kind="pure", quick=True)
class ArrayElementNode:
    """One item of a list, counted from 0."""

    array: list[Any] | None = passthrough(title="Array", is_mutable=True, is_schema_mutable=True)
    index: float = passthrough(0, title="Index", integer=True)
    element: Any = output(title="Element")

    def run(self) -> None:
        if not isinstance(self.array, list):
            raise NodeError("Input is not an array")
        if not 0 <= self.index < len(self.array):
            raise NodeError(f"Index {self.index} is out of range")
        # There is nothing between two items.
        whole = self.index == int(self.index)
        self.element = self.array[int(self.index)] if whole else None


@node(category="transforms", title="Array Length", kind="pure", quick=True, output="length")
def array_length_node(array: list[Any] | None = None) -> Annotated[float, port(0, required=True)]:
    """How many items a list has; 0 for what is no list."""
    return len(array) if isinstance(array, list) else 0
