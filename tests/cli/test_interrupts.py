from __future__ import annotations

import asyncio
import signal

import pytest

from chaingraph.cli.interrupts import Interrupts


class Stop:
    """A stop that was asked for and is never done."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self) -> None:
        self.asked.set()
        await asyncio.Event().wait()


async def work(stop: Stop, interrupts: Interrupts, *signals: signal.Signals) -> None:
    async with asyncio.TaskGroup() as tasks:
        with interrupts.caught(tasks):
            for each in signals:
                signal.raise_signal(each)
                if each is signal.SIGINT:
                    await stop.asked.wait()
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)], ids=["twice", "SIGTERM"]
)
async def test_it_is_left_at_the_second_ctrl_c_or_at_sigterm(
    signals: tuple[signal.Signals, ...],
) -> None:
    stop = Stop()
    interrupts = Interrupts(stop)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work(stop, interrupts, *signals))
    assert interrupts.leaving
    assert stop.asked.is_set() is (signal.SIGINT in signals)


async def test_the_first_ctrl_c_asks_for_a_stop_and_says_what_a_second_would_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stop = Stop()
    interrupts = Interrupts(stop)
    working = asyncio.create_task(work(stop, interrupts, signal.SIGINT))
    await stop.asked.wait()
    assert "press Ctrl-C again to leave" in capsys.readouterr().err
    assert not interrupts.leaving
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
