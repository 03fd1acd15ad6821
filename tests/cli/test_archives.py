"""Executions leave in a file, can be looked at there, and go on somewhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chaingraph.cli import app
from tests.cli.conftest import Call, objects


@pytest.fixture
def finished(call: Call, sum_file: Path) -> str:
    return str(objects(call("run", sum_file, "--json").stdout)[0]["data"]["executionId"])


@pytest.fixture
def elsewhere(tmp_path: Path) -> Call:
    """As `call`, on another database."""

    def run(*words: str | Path) -> Result:
        options = ["--data-dir", str(tmp_path / "elsewhere")]
        return CliRunner().invoke(app, [*map(str, words), *options])

    return run


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_a_file_tells_what_the_database_tells(
    call: Call, elsewhere: Call, finished: str, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    assert call("executions", "export", finished, file).exit_code == 0
    for words in (("show",), ("events",), ("events", "--from", "-2", "--json")):
        first, *more = words
        of_database = call("executions", first, finished, *more)
        of_file = elsewhere("executions", first, file, *more)
        assert (of_file.exit_code, of_file.stdout) == (0, of_database.stdout)
    assert elsewhere("verify", file).stdout == call("verify", finished).stdout


def test_an_execution_goes_on_in_another_database(
    call: Call, elsewhere: Call, sum_file: Path, tmp_path: Path
) -> None:
    flow_id = objects(call("flows", "import", sum_file, "--json").stdout)[0]["id"]
    execution_id = call("executions", "create", flow_id).stdout.strip()
    call("executions", "start", execution_id)
    file = tmp_path / "x.jsonl"
    call("executions", "export", execution_id, file)
    imported = elsewhere("executions", "import", file, "--json")
    assert objects(imported.stdout) == [{"id": execution_id, "queued": 1}]
    assert "no worker is running" in imported.stderr
    assert elsewhere("run", "--continue", execution_id).exit_code == 0
    assert elsewhere("verify", execution_id).exit_code == 0


def test_a_known_execution_is_not_imported_again(call: Call, finished: str, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    call("executions", "export", finished, file)
    again = call("executions", "import", file)
    said = f"Error: Execution {finished} is in the database already\n"
    assert (again.exit_code, again.stderr) == (2, said)


def test_without_a_file_the_export_goes_to_standard_output(call: Call, finished: str) -> None:
    header, *_, last = objects(call("executions", "export", finished).stdout)
    assert (header["root"], sorted(last)) == (finished, ["rows", "sha256"])


def test_a_failed_export_leaves_no_file(call: Call, tmp_path: Path) -> None:
    assert call("executions", "export", "EXnobody", tmp_path / "x.jsonl").exit_code == 2
    assert list(tmp_path.glob("x*")) == []


@pytest.mark.parametrize("words", [("executions", "import"), ("executions", "show"), ("verify",)])
def test_a_file_that_is_something_else_is_one_sentence(
    call: Call, write: Callable[[str, str], Path], words: tuple[str, ...]
) -> None:
    refused = call(*words, write("flow.yaml", "nodes: {}\n"))
    assert refused.exit_code == 2
    assert refused.stderr.endswith("is no export of an execution: it begins with something else\n")


def test_a_file_that_is_not_there_is_one_sentence(call: Call, tmp_path: Path) -> None:
    refused = call("executions", "import", tmp_path / "nothing.gz")
    assert refused.exit_code == 1
    assert refused.stderr == f"Error: No such file or directory: {tmp_path / 'nothing.gz'}\n"
