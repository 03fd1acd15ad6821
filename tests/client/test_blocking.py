"""The client without an event loop, as threads use it."""

from __future__ import annotations

import asyncio
import inspect
import signal
import sys
import threading
from asyncio.subprocess import PIPE
from concurrent.futures import ThreadPoolExecutor

import pytest

from chaingraph.client import AsyncClient, Client, Status
from chaingraph.errors import NotFound, ServerUnreachable


async def test_calls_return_when_they_are_done(url: str) -> None:
    def program() -> None:
        with Client(url, "admin") as client:
            outcome = client.run("sum")
            assert outcome.nodes["total"].outputs == {"result": 43}
            assert client.details(outcome.execution_id).status is Status.COMPLETED
            positions = [each.position for each in client.follow(outcome.execution_id)]
            assert positions == list(range(len(positions)))
            (batch,) = client.follow_tree(outcome.execution_id)
            assert [each.event.position for each in batch.events] == positions
            with pytest.raises(NotFound):
                client.details("EX0")

    await asyncio.to_thread(program)


async def test_many_threads_share_a_client(url: str) -> None:
    def program() -> list[int]:
        with Client(url, "admin") as client, ThreadPoolExecutor(8) as pool:
            runs = list(pool.map(client.run, ["sum"] * 8))
            return [each.nodes["total"].outputs["result"] for each in runs]

    assert await asyncio.to_thread(program) == [43] * 8


async def test_an_iterator_may_be_left_in_the_middle(url: str) -> None:
    def program() -> None:
        with Client(url, "admin") as client:
            execution_id = client.create("sum")
            for event in client.follow(execution_id):
                assert event.type == "execution:created"
                break
            events = client.follow(execution_id)
            assert next(events).position == 0
            events.close()

    await asyncio.to_thread(program)


async def test_nothing_is_left_of_a_closed_client(url: str) -> None:
    def program() -> None:
        client = Client(url, "admin")
        client.create("sum")
        client.close()
        assert "chaingraph client" not in {each.name for each in threading.enumerate()}

    await asyncio.to_thread(program)


async def test_a_close_ends_what_other_threads_wait_for(url: str) -> None:
    def program() -> None:
        with ThreadPoolExecutor(1) as pool, Client(url, "admin") as client:
            events = client.follow(client.create("sum"))
            next(events)
            waiting = pool.submit(next, events)
            client.close()
            assert waiting.exception(10) is not None

    await asyncio.to_thread(program)


def test_a_server_that_is_not_there_is_told_of_in_time() -> None:
    with Client("http://127.0.0.1:9", timeout=0) as client, pytest.raises(ServerUnreachable):
        client.details("EX0")


def test_both_clients_have_the_same_calls() -> None:
    def calls(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        public = {name: each for name, each in methods if not name.startswith("_")}
        return {name: list(inspect.signature(each).parameters) for name, each in public.items()}

    assert calls(Client) == calls(AsyncClient)


async def test_an_interrupted_program_ends_at_once(url: str) -> None:
    program = f"""
from chaingraph import Client
with Client({url!r}, "admin") as client:
    for event in client.follow(client.create("sum")):
        print(event.type, flush=True)
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert errors.decode().splitlines()[-1] == "KeyboardInterrupt"
    assert "Error" not in errors.decode()
