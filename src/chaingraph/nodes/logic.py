"""True and false."""

from __future__ import annotations

from typing import Annotated

from chaingraph.engine.authoring import node, port


@node(category="math", kind="pure", quick=True)
def and_node(inputX: bool = False, inputY: bool = False) -> Annotated[bool, port(False)]:
    """True if both inputs are."""
    return bool(inputX and inputY)


@node(category="math", kind="pure", quick=True)
def or_node(inputX: bool = False, inputY: bool = False) -> Annotated[bool, port(False)]:
    """True if one of the inputs is."""
    return bool(inputX or inputY)


@node(category="math", kind="pure", quick=True)
def not_node(input: bool = False) -> Annotated[bool, port(False)]:
    """True if the input is false."""
    return not input
