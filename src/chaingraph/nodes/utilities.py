"""Nodes for whoever builds a flow."""

from __future__ import annotations

from chaingraph.engine.authoring import Context, node
from chaingraph.nodes.javascript import to_string


@node(category="utilities", title="Debug Log", kind="pure", quick=True)
def debug_log_node(ctx: Context, message: str = "") -> None:
    """Writes the message into the execution's events."""
    ctx.log(to_string(message))
