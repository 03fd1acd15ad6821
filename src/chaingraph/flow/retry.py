"""How often a node is tried, and for how long: what its metadata may say about failing.

    metadata: {retry: {attempts: 5, delayMs: 200, factor: 2, on: [TimeoutError]}, timeoutMs: 3000}

Only `attempts` must be said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaingraph.errors import BadInput
from chaingraph.flow.ports import JsonObject

_HOUR = 3_600_000
_MOST = 10**12


@dataclass(frozen=True, slots=True)
class Retry:
    """A node that fails is tried again, later each time."""

    #: all tries, the first one included
    attempts: int
    #: the wait after the first try, and what each next wait is multiplied by
    delay_ms: float = 1000
    factor: float = 2
    max_delay_ms: float = _HOUR
    #: the share of a wait that is left to chance, so that many nodes do not come back at once
    jitter: float = 0
    #: the errors that are worth another try; empty means all
    on: tuple[str, ...] = ()
    #: what the last failure does: `fail` the node, or `pause` the execution for somebody to look
    then: str = "fail"

    @classmethod
    def of(cls, metadata: JsonObject) -> Retry | None:
        """The policy of a node with this metadata. Raises BadInput when it cannot be read."""
        given = metadata.get("retry")
        if given is None:
            return None
        problem = next(_wrong_policy(given), None)
        if problem is not None:
            raise BadInput(problem)
        said = {_KEYS[key][0]: value for key, value in given.items()}
        return cls(**{**said, "on": tuple(given.get("on", ()))})

    def delay(self, attempt: int, random: float) -> int:
        """Milliseconds between a try, the first is 1, and the next. `random` is from 0 to 1."""
        try:
            grown = self.delay_ms * float(self.factor) ** (attempt - 1)
        except OverflowError:
            grown = self.max_delay_ms if self.delay_ms else 0
        return round(min(grown, self.max_delay_ms) * (1 - self.jitter * random))

    def covers(self, error_name: str, message: str) -> bool:
        """Whether this error is worth another try.

        `on` names errors, or says how their message begins: that tells apart what nodes raise.
        """
        return not self.on or any(
            error_name == each or message.startswith(each) for each in self.on
        )


def timeout_of(metadata: JsonObject) -> float | None:
    """The milliseconds that a node with this metadata may take. Raises BadInput."""
    given = metadata.get("timeoutMs")
    if given is not None and not _is_positive(given):
        raise BadInput(_wrong_timeout(given))
    return None if given is None else float(given)


def problems(metadata: JsonObject) -> Iterator[str]:
    """One sentence for each thing that is wrong with what `metadata` says of retry and time-out."""
    if metadata.get("retry") is not None:
        yield from _wrong_policy(metadata["retry"])
    if metadata.get("timeoutMs") is not None and not _is_positive(metadata["timeoutMs"]):
        yield _wrong_timeout(metadata["timeoutMs"])


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_size(value: Any, most: float = _MOST) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= most


def _is_share(value: Any) -> bool:
    return _is_size(value, 1)


def _is_positive(value: Any) -> bool:
    return _is_size(value) and value != 0


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)


_SIZE = (_is_size, f"a number from 0 to {_MOST:,}")
#: each key of a policy: the field of Retry, what it must be, and that in words
_KEYS: Mapping[str, tuple[str, Callable[[Any], bool], str]] = {
    "attempts": ("attempts", _is_count, "a whole number from 1 on"),
    "delayMs": ("delay_ms", *_SIZE),
    "factor": ("factor", *_SIZE),
    "maxDelayMs": ("max_delay_ms", *_SIZE),
    "jitter": ("jitter", _is_share, "a number from 0 to 1"),
    "on": ("on", _are_names, "a list of error names"),
    "then": ("then", lambda value: value in ("fail", "pause"), "fail or pause"),
}


def _wrong_policy(given: Any) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"retry must be a mapping with attempts, not {given!r}"
        return
    if "attempts" not in given:
        yield "retry must say how many attempts there are"
    for key, value in given.items():
        if key not in _KEYS:
            yield f"retry has the unknown key {key!r}, expected some of {', '.join(_KEYS)}"
            continue
        _, fits, wanted = _KEYS[key]
        if not fits(value):
            yield f"retry.{key} must be {wanted}, not {value!r}"


def _wrong_timeout(given: Any) -> str:
    return f"its timeout must be a number of milliseconds above 0, not {given!r}"
