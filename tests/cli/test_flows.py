from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Call, objects

Write = Callable[[str, str], Path]


def test_an_imported_flow_is_listed_and_shown(call: Call, sum_file: Path) -> None:
    flow = objects(call("flows", "import", sum_file, "--json").stdout)[0]
    assert (flow["name"], flow["version"]) == ("sum", 1)
    assert call("flows", "list").stdout.splitlines()[1].split("\t")[:2] == [flow["id"], "sum"]
    shown = call("flows", "show", flow["id"]).stdout
    assert "product.result -> total.a" in shown


def test_what_is_shown_as_json_can_be_imported_again(
    call: Call, sum_file: Path, write: Write
) -> None:
    flow = objects(call("flows", "import", sum_file, "--json").stdout)[0]
    row = write("row.json", call("flows", "show", flow["id"], "--json").stdout)
    again = objects(call("flows", "import", row, "--json").stdout)[0]
    assert (again["id"], again["version"]) == (flow["id"], 1)


def test_one_bad_file_keeps_all_out(
    call: Call, sum_file: Path, write: Write, data_dir: Path
) -> None:
    bad = write("bad.yaml", "nodes: {a: {type: Nope}}")
    assert call("flows", "import", sum_file, bad).exit_code == 2
    assert not data_dir.exists()


def test_validate_prints_every_error_and_stores_nothing(
    call: Call, write: Write, data_dir: Path
) -> None:
    flow = write(
        "bad.yaml",
        "{nodes: {a: {type: Nope}, b: {type: MathNode}}, edges: [b.result -> b.a, c.x -> b.b]}",
    )
    result = call("flows", "validate", flow)
    assert result.exit_code == 2
    errors = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
    assert any("unknown type Nope" in each for each in errors)
    assert any("cycle: b -> b" in each for each in errors)
    assert any("there is no node c" in each for each in errors)
    assert not data_dir.exists()


def test_validate_accepts_a_good_flow(call: Call, sum_file: Path) -> None:
    result = call("flows", "validate", sum_file, "--json")
    assert result.exit_code == 0
    assert objects(result.stdout) == [{"errors": [], "warnings": []}]


def test_nodes_are_listed_and_shown(call: Call) -> None:
    names = [each["name"] for each in objects(call("nodes", "list", "--json").stdout)]
    assert {"MathNode", "SleepNode"} <= set(names)
    assert names == sorted(names)
    assert "duration\tinput\tnumber" in call("nodes", "show", "SleepNode").stdout
    assert call("nodes", "show", "Nope").exit_code == 2
