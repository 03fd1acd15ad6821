"""The crash matrix: a process ends at a durable boundary, another one finishes its work.

What is left must be what a run without a crash leaves, for every flow at every boundary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.crash.cases import Case, Warm, judge, was_cut
from tests.crash.conftest import MakeDatabase
from tests.crash.kinds import MATRIX
from tests.crash.lives import Life

#: What is steered, and how: see `tests.crash.acts`.
STEERED = (
    ("pause", "held"),
    ("debug", "chain"),
    ("answer", "signalled"),
    ("run", "timed"),
    ("run", "tried"),
    ("run", "family"),
    ("run", "calling"),
    ("fork", "chain"),
    ("fork_live", "signalled"),
    ("retry", "failing"),
    ("mend", "exhausted"),
    ("stop_paused", "held"),
    ("stop_tree", "waiting_family"),
    ("pause_tree", "waiting_family"),
    ("pause_parent", "waiting_family"),
    ("lose_a_child", "waiting_family"),
)


@dataclass(frozen=True)
class Matrix:
    """All cases of one flow on one kind of database."""

    warm: Warm
    make_database: MakeDatabase
    folder: Path
    life: Life

    def check(self, *, step: int = 1, first: int = 1, most: int | None = None) -> None:
        """A crash at each boundary leaves what a clean run leaves.

        Or at every `step`-th one, or at about `most` of them.
        """
        clean = self._clean_run()
        count = len(clean.boundaries)
        boundaries = range(first, count + 1, step if most is None else max(1, count // most))
        cases = [self._case(die_at) for die_at in boundaries]
        codes = self.warm.run(cases)
        assert [each for case in cases for each in judge(case, clean.executions)] == []
        # A run may have fewer boundaries than the clean one, as commits are grouped as they come,
        # and then ends before it is cut. Where there are few of them, one or two are many.
        assert sum(map(was_cut, codes)) >= len(cases) / 2

    def _clean_run(self) -> Case:
        only = self._case(0)
        self.warm.run([only])
        assert judge(only, only.executions) == []
        return only

    def _case(self, die_at: int) -> Case:
        folder = self.folder / str(die_at)
        folder.mkdir()
        life = replace(self.life, url=self.make_database(), folder=str(folder))
        return Case((replace(life, die_at=die_at), life) if die_at else (life,))


@pytest.mark.parametrize("flow", [each.__name__ for each in MATRIX])
def test_an_execution_survives_a_crash_at_its_boundaries(
    flow: str,
    warm: Warm,
    make_database: MakeDatabase,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    step = 3 if "postgres" in request.node.name else 1
    Matrix(warm, make_database, tmp_path, Life("", flow, "")).check(step=step)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("act", "flow"), STEERED)
def test_what_is_steered_survives_a_crash_at_some_of_its_boundaries(
    act: str,
    flow: str,
    warm: Warm,
    make_database: MakeDatabase,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Each of these has dozens. The first is past the storing of the flow."""
    most = 2 if "postgres" in request.node.name else 6
    life = Life("", flow, "", act=act)
    Matrix(warm, make_database, tmp_path, life).check(first=5, most=most)


def test_a_stop_that_was_accepted_survives_a_crash(
    warm: Warm, make_sqlite: MakeDatabase, tmp_path: Path
) -> None:
    life = Life("", "endless", "", act="stop")
    Matrix(warm, make_sqlite, tmp_path, life).check()


def test_an_execution_survives_a_crash_with_the_queue(
    warm: Warm, make_sqlite: MakeDatabase, tmp_path: Path
) -> None:
    life = Life("", "mixed", "", dispatch=True)
    Matrix(warm, make_sqlite, tmp_path, life).check(step=5, first=3)


@pytest.mark.chaos
@pytest.mark.parametrize("dispatch", [False, True], ids=["alone", "with-queue"])
@pytest.mark.parametrize("flow", [each.__name__ for each in MATRIX])
def test_an_execution_survives_a_crash_at_every_boundary(
    flow: str, dispatch: bool, warm: Warm, make_database: MakeDatabase, tmp_path: Path
) -> None:
    life = Life("", flow, "", dispatch=dispatch)
    Matrix(warm, make_database, tmp_path, life).check()


@pytest.mark.chaos
@pytest.mark.parametrize("dispatch", [False, True], ids=["alone", "with-queue"])
def test_a_stop_survives_a_crash_at_every_boundary(
    dispatch: bool, warm: Warm, make_database: MakeDatabase, tmp_path: Path
) -> None:
    life = Life("", "endless", "", dispatch=dispatch, act="stop")
    Matrix(warm, make_database, tmp_path, life).check()


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize("dispatch", [False, True], ids=["alone", "with-queue"])
@pytest.mark.parametrize(("act", "flow"), STEERED)
def test_what_is_steered_survives_a_crash_at_every_boundary(
    act: str, flow: str, dispatch: bool, warm: Warm, make_database: MakeDatabase, tmp_path: Path
) -> None:
    """With the queue, which makes a life much longer, at every third."""
    life = Life("", flow, "", dispatch=dispatch, act=act)
    Matrix(warm, make_database, tmp_path, life).check(step=3 if dispatch else 1)
