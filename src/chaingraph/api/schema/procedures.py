"""What the procedures answer, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chaingraph.api.rest.outputs import (
    Accepted,
    Created,
    Execution,
    NewShare,
    Root,
    Share,
    TreeNode,
)

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
