from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chaingraph.cli import app
from chaingraph.execution.vault import read_keys
from tests.cli.conftest import Call, objects

NODES = """
from typing import Any

from chaingraph import Secret, node

@node(kind="pure", quick=True)
def count(key: Secret) -> float:
    return len(key.reveal())

@node(kind="pure", quick=True)
def issue(key: Secret) -> Secret:
    return Secret(key.reveal() + "!")

@node(kind="pure", quick=True)
def echo(value: Any) -> Any:
    return {"got": value}
"""
FLOW = """
nodes:
  count: {type: Count, inputs: {key: sk-in-the-file}}
  issue: {type: Issue, inputs: {key: sk-in-the-file}}
  other: {type: Issue, inputs: {key: sk-in-the-file}}
  echo: {type: Echo}
edges: [other.result -> echo.value]
"""


@pytest.fixture
def files(write: Callable[[str, str], Path]) -> tuple[Path, Path]:
    return write("flow.yaml", FLOW), write("my_nodes.py", NODES)


def test_a_new_key_is_printed(call: Call) -> None:
    printed = call("secrets", "new-key")
    assert printed.exit_code == 0
    assert len(read_keys(printed.stdout)) == 1
    assert printed.stdout != call("secrets", "new-key").stdout


@pytest.mark.parametrize(
    ("given", "length"),
    [
        ("sk-1234", 7),
        ("1234", 4),
        ('{"value": "sk-12345"}', 8),
        ("@key.txt", 10),
    ],
)
def test_an_input_is_a_text_or_fields(
    call: Call,
    files: tuple[Path, Path],
    given: str,
    length: int,
    write: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("key.txt", "sk-1234567\n")
    monkeypatch.chdir(tmp_path)
    flow, nodes = files
    ran = call("run", flow, "--nodes", nodes, "--input", f"count.key={given}")
    assert ran.exit_code == 0, ran.output
    assert f"count.result = {length}" in ran.stdout
    assert 'issue.result = "**********"' in ran.stdout
    assert 'echo.result = {"got": "**********"}' in ran.stdout
    assert "sk-1" not in ran.output


def test_json_shows_seals(call: Call, files: tuple[Path, Path]) -> None:
    flow, nodes = files
    ran = call("run", flow, "--nodes", nodes, "--input", "count.key=sk-1", "--json")
    assert "sk-" not in ran.output
    assert '"hkdfNonce"' in ran.output
    flow_id = objects(ran.stdout)[0]["data"]["flowMetadata"]["id"]
    shown = call("flows", "show", flow_id, "--json")
    assert "sk-" not in shown.output


def test_a_wrong_input_is_refused_without_showing_it(
    call: Call, files: tuple[Path, Path], data_dir: Path
) -> None:
    flow, nodes = files
    for given in ('{"password": "sk-1"}', '{"sk-1'):
        ran = call("run", flow, "--nodes", nodes, "--input", f"count.key={given}")
        assert ran.exit_code == 2
        assert "sk-1" not in ran.output
    assert not data_dir.exists()


def test_an_execution_that_came_without_its_key_says_so(
    call: Call, files: tuple[Path, Path], tmp_path: Path
) -> None:
    flow, nodes = files
    more = ("--nodes", nodes)
    call("flows", "import", flow, *more)
    flow_id = objects(call("flows", "list", "--json").stdout)[0]["id"]
    created = call("executions", "create", flow_id, "--input", "count.key=sk-1", *more)
    execution_id = created.stdout.strip()
    call("executions", "start", execution_id)
    archive = tmp_path / "execution.jsonl"
    assert call("executions", "export", execution_id, archive).exit_code == 0
    assert "sk-" not in archive.read_text()

    def elsewhere(*words: str | Path) -> Result:
        options = ["--data-dir", str(tmp_path / "elsewhere")]
        return CliRunner().invoke(app, [*map(str, words), *options])

    elsewhere("executions", "import", archive)
    ran = elsewhere("run", "--continue", execution_id, *more)
    assert ran.exit_code == 3
    assert "The secret at port count.key cannot be opened" in ran.output
    assert elsewhere("verify", execution_id).exit_code == 0
    assert call("run", "--continue", execution_id, *more).exit_code == 0
