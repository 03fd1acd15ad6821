"""An execution that is lost again and again runs alone, so that it takes no other with it.

A suspect is claimed by a worker that runs nothing, which then claims nothing until the suspect
completes a node, ends, or has run for a while: what kills its process does so early. Isolation
costs waiting, not life: who waited in vain for an idle worker is claimed by a busy one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: From so many losses in a row on an execution is a suspect.
SUSPECT_FROM = 2
#: While a suspect has run for less than so many milliseconds, its worker claims nothing.
TRIAL_MS = 30_000
#: A suspect waits for an idle worker for so many milliseconds.
WAIT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued execution that a worker may claim."""

    execution_id: str
    is_suspect: bool


def admitted(waiting: Sequence[Waiting]) -> list[str]:
    """Of these, in their order, what a worker claims at once: a suspect comes by itself."""
    if waiting and waiting[0].is_suspect:
        return [waiting[0].execution_id]
    return [each.execution_id for each in waiting if not each.is_suspect]
