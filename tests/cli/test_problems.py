from __future__ import annotations

import asyncio

import pytest
import typer

from chaingraph.cli.problems import cause_of, reported
from chaingraph.errors import (
    ChainGraphError,
    ExecutionNotFound,
    IdempotencyConflict,
    StoreUnavailable,
    ValueTooLarge,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ExecutionNotFound("EX1"), 2),
        (ValueTooLarge("it", 2, 1), 2),
        (IdempotencyConflict("k", "EX1"), 2),
        (StoreUnavailable("gone"), 1),
        (ChainGraphError("broken"), 1),
        (KeyError("x"), 1),
        (KeyboardInterrupt(), 130),
        (asyncio.CancelledError(), 130),
    ],
)
def test_the_exit_code_says_whose_fault_it_is(error: BaseException, code: int) -> None:
    with pytest.raises(typer.Exit) as exited, reported():
        raise error
    assert exited.value.exit_code == code


def test_our_own_error_is_found_inside_groups(capsys: pytest.CaptureFixture[str]) -> None:
    inner = ExceptionGroup("", [OSError("first"), StoreUnavailable("The database is gone")])
    with pytest.raises(typer.Exit), reported():
        raise ExceptionGroup("unhandled errors in a TaskGroup", [inner])
    assert capsys.readouterr().err == "Error: The database is gone\n"


def test_without_one_of_ours_the_first_counts() -> None:
    first = OSError("first")
    assert cause_of(ExceptionGroup("", [ExceptionGroup("", [first]), KeyError()])) is first


def test_an_unexpected_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), reported():
        raise RuntimeError("one\ntwo")
    assert capsys.readouterr().err.startswith("Error: RuntimeError: one (")
