from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from chaingraph.errors import BadInput
from chaingraph.settings import age
from tests.cli.conftest import Call, objects


@pytest.fixture
def finished(call: Call, sum_file: Path) -> str:
    return str(objects(call("run", sum_file, "--json").stdout)[0]["data"]["executionId"])


def test_what_ended_is_deleted_and_its_readers_are_told(call: Call, finished: str) -> None:
    assert call("prune", "--older-than", "1d").stdout == "0 trees deleted\n"
    foretold = call("prune", "--older-than", "0s", "--dry-run", "--json")
    (tree,) = objects(foretold.stdout)
    assert (tree["rootId"], tree["ownerId"], tree["executions"]) == (finished, "local", 1)
    assert call("executions", "show", finished).exit_code == 0
    assert call("prune", "--older-than", "0s").stdout.endswith("1 trees deleted\n")
    for words in (("show",), ("events",)):
        gone = call("executions", *words, finished)
        assert (gone.exit_code, gone.stderr.endswith("not found\n")) == (2, True)


def test_without_a_rule_nothing_is_deleted(call: Call, finished: str) -> None:
    refused = call("prune")
    assert (refused.exit_code, "--older-than" in refused.stderr) == (2, True)
    assert call("executions", "show", finished).exit_code == 0


def test_the_newest_are_kept(call: Call, finished: str) -> None:
    assert call("prune", "--older-than", "0s", "--keep", "1").stdout == "0 trees deleted\n"
    assert call("prune", "--keep", "0", "--owner", "other").stdout == "0 trees deleted\n"
    assert call("prune", "--keep", "0").stdout.endswith("1 trees deleted\n")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_an_age_is_a_number_and_a_unit(text: str, meant: timedelta) -> None:
    assert age(text) == meant


@pytest.mark.parametrize("text", ["30", "d", "1.5d", "-1d", "1y", ""])
def test_anything_else_is_no_age(text: str) -> None:
    with pytest.raises(BadInput):
        age(text)
