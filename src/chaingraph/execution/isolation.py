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
    #: whether its owner runs nothing, and has nothing more urgent than this
    is_first_of_owner: bool


def admitted(waiting: Sequence[Waiting], common: int) -> list[str]:
    """Of these, in their order, what a worker claims at once: a suspect comes by itself.

    So many slots are `common`; what is beyond them is for owners that run nothing.
    """
    fitting = [each for n, each in enumerate(waiting) if n < common or each.is_first_of_owner]
    if fitting and fitting[0].is_suspect:
        return [fitting[0].execution_id]
    return [each.execution_id for each in fitting if not each.is_suspect]
