from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chaingraph import __version__
from chaingraph.cli import app
from chaingraph.cli.options import Given
from chaingraph.settings import Settings
from tests.cli.conftest import Call


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def test_the_version() -> None:
    assert invoke("--version").stdout == f"chaingraph {__version__}\n"


def test_common_options_go_before_or_after_the_command(tmp_path: Path) -> None:
    assert invoke("--data-dir", tmp_path / "a", "flows", "list").exit_code == 0
    assert invoke("flows", "list", "--data-dir", tmp_path / "b").exit_code == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b"]


def test_the_option_after_the_command_wins(tmp_path: Path) -> None:
    invoke("--data-dir", tmp_path / "a", "flows", "list", "--data-dir", tmp_path / "b")
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_the_database_can_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINGRAPH_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    assert invoke("db", "upgrade").exit_code == 0
    assert (tmp_path / "other.db").exists()


def test_the_option_names_one_database_for_everything() -> None:
    split = Settings(database="postgresql://a/executions", flows_database="postgresql://a/main")
    chosen = Given(db="postgresql://b/all").over(split)
    assert chosen.database_url == chosen.flows_database_url == "postgresql://b/all"
    assert Given().over(split) == split


def test_nodes_of_before_and_after_are_both_there(write: Callable[[str, str], Path]) -> None:
    code = "from chaingraph.engine.authoring import node\n@node()\ndef {}_node() -> None: ...\n"
    first, second = (write(f"{name}.py", code.format(name)) for name in ("first", "second"))
    shown = invoke("--nodes", first, "nodes", "list", "--nodes", second).stdout
    assert "FirstNode" in shown
    assert "SecondNode" in shown


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CHAINGRAPH_PORT", "many"), ("CHAINGRAPH_LOG_LEVEL", "loud"), ("CHAINGRAPH_LOG_FORMAT", "x")],
)
def test_a_variable_that_cannot_be_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = invoke("nodes", "list")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)


def test_nodes_that_cannot_be_loaded_are_one_sentence() -> None:
    result = invoke("nodes", "list", "--nodes", "no_such_module")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Cannot load nodes from no_such_module")


def test_a_data_directory_that_cannot_be_is_one_sentence(sum_file: Path) -> None:
    result = invoke("flows", "list", "--data-dir", sum_file / "below")
    assert result.exit_code == 2
    below = sum_file / "below"
    sentence = f"Error: The data directory {below} cannot be made: Not a directory"
    assert result.stderr.splitlines() == [sentence]


def test_a_port_in_use_is_one_sentence(call: Call, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = call("serve", "--port", str(port))
    assert result.exit_code == 2
    said = f"Error: Cannot listen on 127.0.0.1:{port}: Address already in use"
    assert result.stderr.splitlines() == [said]
    assert not data_dir.exists()
