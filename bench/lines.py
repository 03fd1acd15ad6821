"""What a measurement reports: a number beside its comparison, and the target it should reach."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

HEAD = "| what | measured | compared with | comparison | ratio | target | |\n" + 7 * "|---" + "|\n"


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the measured number or on its ratio to the comparison."""

    bound: float
    at_least: bool = False
    of_ratio: bool = False

    def is_reached(self, line: Line) -> bool:
        number = line.ratio if self.of_ratio else line.measured
        return number >= self.bound if self.at_least else number <= self.bound

    def text(self, unit: str) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {_number(self.bound)} {'times' if self.of_ratio else unit}"


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement beside its comparison from the same run."""

    what: str
    measured: float
    compared_with: str
    comparison: float
    unit: str
    target: Target | None = None

    @property
    def ratio(self) -> float:
        return self.measured / self.comparison if self.comparison else float("inf")

    def __str__(self) -> str:
        target = self.target.text(self.unit) if self.target else ""
        missed = "missed" if self.target and not self.target.is_reached(self) else ""
        return (
            f"| {self.what} | {_number(self.measured)} {self.unit} | {self.compared_with} "
            f"| {_number(self.comparison)} {self.unit} | {self.ratio:.2f} | {target} | {missed} |"
        )


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Iterable[float]) -> float:
    return percentile(values, 0.5)


def table(lines: Sequence[Line]) -> str:
    return HEAD + "\n".join(map(str, lines)) + "\n"


def report(lines: Sequence[Line], seconds: float, load: float) -> str:
    """The page that `bench/results.md` holds; `load` is that of the machine before the run."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"# Benchmarks\n\n{when}, {machine()}; load average {load:.1f} before, "
        f"the whole run took {seconds:,.0f} s. Each line's comparison was measured in the same "
        f"run; read the ratios.\n\n{table(lines)}"
    )


def machine() -> str:
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:,.3g}"
