"""What the procedures take and answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from chaingraph.api.rest.outputs import (
    Accepted,
    Created,
    Execution,
    NewShare,
    Root,
    Share,
    TreeNode,
)
from chaingraph.trpc.router import Procedure

OUTPUTS: Final[Mapping[str, Any]] = {
    "create": Created,
    "fork": Created,
    "retry": Created,
    "start": Accepted,
    "stop": Accepted,
    "pause": Accepted,
    "resume": Accepted,
    "step": Accepted,
    "setBreakpoints": Accepted,
    "sendSignal": Accepted,
    "getExecutionDetails": Execution,
    "getExecutionsTree": list[TreeNode],
    "getRootExecutions": list[Root],
    "shareExecution": NewShare,
    "getShares": list[Share],
    "unshareExecution": Accepted,
}
"""Of queries and mutations. Subscriptions send events, whose form depends on the view."""


def input_of(procedure: Procedure) -> type[BaseModel]:
    """The model of what it takes: every procedure here parses with `model_validate` of one."""
    model = getattr(procedure.parse, "__self__", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(f"{procedure.parse} belongs to no model")
    return model
