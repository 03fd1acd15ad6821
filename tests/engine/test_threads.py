from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from chaingraph.engine import threads
from chaingraph.engine.threads import run_in_thread


async def test_the_result_comes_from_a_daemon_thread() -> None:
    async def here() -> threading.Thread:
        return await run_in_thread(threading.current_thread, name="n")

    thread = await here()
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert thread.name == "body-n"


async def test_an_error_of_the_body_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 / 0, name="n")


def _stop_iteration() -> object:
    return next(iter(()))


@pytest.mark.parametrize(
    ("body", "message"),
    [(_stop_iteration, "StopIteration"), (lambda: sys.exit(3), "SystemExit")],
)
async def test_what_no_future_may_carry_is_an_error_like_any_other(
    body: Callable[[], object], message: str
) -> None:
    with pytest.raises(RuntimeError, match=message):
        await run_in_thread(body, name="n")


@pytest.fixture
def one_slot(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A single slot, taken until the event is set."""
    slots, release = threading.BoundedSemaphore(1), threading.Event()
    monkeypatch.setattr(threads, "_slots", slots)
    taken = threading.Event()

    def take() -> None:
        with slots:
            taken.set()
            release.wait()

    holder = threading.Thread(target=take, daemon=True)
    holder.start()
    taken.wait()
    yield release
    release.set()
    holder.join()


async def test_cancelling_does_not_wait_for_the_thread(one_slot: threading.Event) -> None:
    task = asyncio.create_task(run_in_thread(lambda: None, name="n"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_body_that_was_cancelled_before_its_turn_never_begins(
    one_slot: threading.Event,
) -> None:
    begun: list[str] = []
    late = asyncio.create_task(run_in_thread(lambda: begun.append("late"), name="late"))
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.wait([late])
    waiting = [each for each in threading.enumerate() if each.name == "body-late"]
    one_slot.set()
    for thread in waiting:
        await asyncio.to_thread(thread.join)
    assert begun == []
