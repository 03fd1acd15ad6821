"""What parents and children tell each other: commands to the tree, and how they ended."""

from __future__ import annotations

from dataclasses import replace

from chaingraph.engine.options import Options
from chaingraph.execution.commands import DEFAULT_STOP_REASON
from chaingraph.execution.fold import Folded
from chaingraph.execution.records import Command, CommandKind, ExecutionRow, Status

#: Who sends what nobody asked for.
SENDER = "chaingraph"


#: Begin the ids of commands that go down a tree, and of what goes up, so that they are none of a
#: caller's.
DOWN, UP = "tree:", "child:"


def passed_on(command: Command) -> Command:
    """A command as the children get it."""
    if command.id.startswith(DOWN):
        return command
    return replace(command, id=f"{DOWN}{command.id}", seq=0, at=0)


def farewell(execution_id: str, folded: Folded, stop: Command | None = None) -> Command | None:
    """The stop that goes on to the open children of what ended so; None when it completed.

    `stop` is the command that ended it, if it was one.
    """
    if folded.status not in (Status.STOPPED, Status.FAILED):
        return None
    if stop is not None:
        reason = stop.data.get("reason") or DEFAULT_STOP_REASON
        return passed_on(Command(stop.id, CommandKind.STOP, stop.caller, {"reason": reason}))
    reason = folded.error_message or f"Execution {execution_id} {folded.status.value}"
    return Command(f"{DOWN}{execution_id}", CommandKind.STOP, SENDER, {"reason": reason})


def end_of_child(
    child_id: str, status: Status, error: str | None, parent: ExecutionRow, *, awaited: bool
) -> Command:
    """How a child ended, as its parent gets it: under an id that is none of a caller's.

    It wakes a parent that awaits this child, or that fails with it.
    """
    failed = status is not Status.COMPLETED
    wakes = awaited or (failed and Options.from_json(parent.options).fails_with_child)
    data = {"executionId": child_id, "status": status.value, "error": error, "wakes": wakes}
    return Command(f"{UP}{child_id}", CommandKind.CHILD, SENDER, data)
