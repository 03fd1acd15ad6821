"""What bodies do outside: lines in a file that outlives the process."""

from __future__ import annotations

import json
import os
from pathlib import Path

from chaingraph.engine.authoring import Context
from chaingraph.execution.boundary import reached

#: Where effects are written; set by the process that runs them.
EFFECTS = "CHAINGRAPH_TEST_EFFECTS"


def effect(ctx: Context, kind: str) -> None:
    """The body's effect: one line."""
    line = json.dumps({"node": ctx.node_id, "key": ctx.idempotency_key, "kind": kind})
    reached(f"body:{ctx.node_id}:begins")
    with effects_file().open("a") as file:
        file.write(line + "\n")
    reached(f"body:{ctx.node_id}:done")


def effects_file() -> Path:
    return Path(os.environ[EFFECTS])


def gate(effects: Path) -> Path:
    """The file that the bodies of `gated` and `closed` wait for."""
    return effects.with_suffix(".open")
