"""Commands as users call them: inside this process where that tells the same, else in their own."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from typer.testing import CliRunner, Result

from chaingraph.cli import app

Call: TypeAlias = Callable[..., Result]
PROGRAM = (sys.executable, "-c", "from chaingraph.cli import main; main()")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("chaingraph")
    before = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)


@pytest.fixture
def call(data_dir: Path) -> Call:
    """`call("flows", "list")` runs the command on this test's own data."""

    def run(*words: str | Path) -> Result:
        options = ["--data-dir", str(data_dir)]
        return CliRunner().invoke(app, [*map(str, words), *options])

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


@pytest.fixture
def sum_file(write: Callable[[str, str], Path]) -> Path:
    return write(
        "sum.yaml",
        """
        nodes:
          product: {type: MathNode, inputs: {a: 6, b: 7, operation: multiply}}
          total: {type: MathNode, inputs: {b: 1, operation: add}}
        edges: [product.result -> total.a]
        """,
    )


@pytest.fixture
def slow_file(write: Callable[[str, str], Path]) -> Callable[[int], Path]:
    """A flow with one node that is done at once and one that takes so many ms."""

    def slow(ms: int) -> Path:
        return write(
            "slow.yaml",
            f"""
            nodes:
              quick: {{type: MathNode, inputs: {{a: 6, b: 7, operation: multiply}}}}
              rest: {{type: SleepNode, inputs: {{duration: {ms}}}}}
              total: {{type: MathNode, inputs: {{operation: add}}}}
            edges: [quick.result -> total.a, rest.actualDuration -> total.b]
            """,
        )

    return slow


class Program:
    """A `chaingraph` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait_for_line(self, text: str) -> str:
        """Read its output up to the first line that holds this text."""
        assert self._process.stdout is not None
        read = []
        for line in self._process.stdout:
            read.append(line)
            if text in line:
                return line
        raise AssertionError(f"it ended without {text!r}: {read}")

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def send(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code that follows."""
        self._process.send_signal(number)
        return self._process.wait(20)

    def end(self) -> str:
        """What else it prints until it ends."""
        assert self._process.stdout is not None
        rest = self._process.stdout.read()  # of this stream: it may have read ahead
        self._process.wait(30)
        return rest

    @property
    def code(self) -> int | None:
        return self._process.returncode


@pytest.fixture
def program(data_dir: Path) -> Callable[..., Any]:
    """`with program("serve") as running:`; what is left at the end is killed."""

    @contextmanager
    def start(*words: str | Path) -> Iterator[Program]:
        with subprocess.Popen(
            [*PROGRAM, *map(str, words), "--data-dir", str(data_dir)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as process:
            try:
                yield Program(process)
            finally:
                process.kill()

    return start


def objects(text: str) -> list[dict[str, Any]]:
    """The objects that `--json` printed."""
    return [json.loads(line) for line in text.splitlines()]
