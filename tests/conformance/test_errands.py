"""One question tells whether there are errands at all."""

from __future__ import annotations

from tests.conformance.backends import Backend
from tests.conformance.families import new_child, parking
from tests.conformance.steps import deliver, ending, leased


async def test_there_is_nothing_to_do_for_what_rests(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(parking(lease, 1, wake_at=backend.clock() + 1_000))
    assert not await backend.errands.is_any()


async def test_what_is_due_is_an_errand(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(parking(lease, 1, wake_at=backend.clock() + 1_000))
    backend.clock.move(1_000)
    assert await backend.errands.is_any()
    await backend.errands.wake_due()
    assert not await backend.errands.is_any()


async def test_a_stop_that_has_to_go_on_to_children_is_an_errand(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(parking(lease, 1, children=(new_child(backend, "EX2"),)))
    assert not await backend.errands.is_any()
    await deliver(backend, "stop")
    assert await backend.errands.is_any()
    await backend.errands.cascade()
    assert await backend.errands.is_any(), "the parent of EX2 is to be told"
    await backend.errands.tell_parents()
    assert not await backend.errands.is_any()


async def test_the_end_of_a_root_is_nobodys_errand(backend: Backend) -> None:
    lease = await leased(backend)
    await backend.journal.append(ending(lease, 1))
    assert not await backend.errands.is_any()
