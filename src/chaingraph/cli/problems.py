"""Errors as a person at a terminal meets them: one sentence and an exit code, no traceback."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from chaingraph.errors import ChainGraphError

log = logging.getLogger(__name__)

FAILED = 1
BAD_INPUT = 2
UNCAUGHT_FAILURES = 3
INTERRUPTED = 130

_CALLERS_FAULT = frozenset(
    ("BAD_REQUEST", "NOT_FOUND", "FORBIDDEN", "CONFLICT", "PAYLOAD_TOO_LARGE")
)


@contextmanager
def reported() -> Iterator[None]:
    """Errors of the block become a sentence on stderr and `typer.Exit`."""
    try:
        yield
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        cause = cause_of(error)
        if isinstance(cause, BrokenPipeError):
            _forget_stdout()
        else:
            log.debug("the command failed", exc_info=cause)
            note(f"Error: {sentence(cause)}")
        raise typer.Exit(exit_code(cause)) from None


def _forget_stdout() -> None:
    """Whoever read us is gone; the interpreter must not try to flush at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def cause_of(error: BaseException) -> BaseException:
    """What went wrong inside a group of errors: one of ours if there is one, else the first."""
    leaves = list(_leaves(error))
    return next((each for each in leaves if isinstance(each, ChainGraphError)), leaves[0])


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def sentence(error: BaseException) -> str:
    """What to tell the caller."""
    match error:
        case ChainGraphError():
            return str(error)
        case OSError() if error.strerror:
            return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    first, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {first} (--log-level debug tells more)"


def exit_code(error: BaseException) -> int:
    """2 when the caller has to change something, else 1."""
    fault = isinstance(error, ChainGraphError) and error.code in _CALLERS_FAULT
    return BAD_INPUT if fault else FAILED


def note(text: str) -> None:
    """Tell the person something that is not the command's output."""
    typer.echo(text, err=True)
