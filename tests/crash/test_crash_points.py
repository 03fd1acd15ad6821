"""The crash matrix: a process ends at a durable boundary, another one finishes its work.

What is left must be what a run without a crash leaves, for every flow at every boundary.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.cases import Case, Report, judge, run_cases, was_cut
from tests.crash.conftest import MakeDatabase
from tests.crash.kinds import FLOWS
from tests.crash.lives import Life

TIMEOUT = 55


def case(make: MakeDatabase, folder: Path, flow: str, die_at: int, dispatch: bool) -> Case:
    """A life that ends at this boundary and one that ends the work."""
    place = folder / f"{flow}-{die_at}-{dispatch}"
    place.mkdir()
    life = Life(make(), flow, str(place), dispatch=dispatch)
    return Case((replace(life, die_at=die_at), life) if die_at else (life,))


def clean_run(make: MakeDatabase, folder: Path, flow: str) -> Report:
    only = case(make, folder, flow, 0, False)
    run_cases([only], TIMEOUT)
    assert judge(only, only.report) == []
    return only.report


def check(cases: list[Case], clean: Report, timeout: float = TIMEOUT) -> None:
    codes = run_cases(cases, timeout)
    assert [each for one in cases for each in judge(one, clean)] == []
    assert any(map(was_cut, codes))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("flow", FLOWS)
def test_an_execution_survives_a_crash_at_its_boundaries(
    flow: str, make_database: MakeDatabase, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    clean = clean_run(make_database, tmp_path, flow)
    step = 3 if "postgres" in request.node.name else 1
    boundaries = range(1, len(clean["boundaries"]) + 1, step)
    check([case(make_database, tmp_path, flow, n, False) for n in boundaries], clean)
