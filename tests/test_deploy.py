"""What can be known of the deployment files without a Docker engine."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from chaingraph.cli import app
from chaingraph.settings import Settings

ROOT = Path(__file__).parents[1]
SETTINGS = (ROOT / "docs/reference/settings.md").read_text()
FILES = ("Dockerfile", "compose.yaml", "docs/howto/deploy.md")


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_the_fleet_has_two_of_each_and_one_port(services: dict[str, Any]) -> None:
    assert [services[name]["deploy"]["replicas"] for name in ("api", "worker")] == [2, 2]
    assert [name for name in services if "ports" in services[name]] == ["front"]


def test_containers_run_commands_that_exist(services: dict[str, Any]) -> None:
    commands = getattr(typer.main.get_command(app), "commands")  # noqa: B009
    (default,) = re.findall(r'^CMD \["(\w+)"\]', (ROOT / "Dockerfile").read_text(), re.M)
    for name in (default, *services["api"]["command"], *services["worker"]["command"]):
        assert name in commands


def test_what_depends_on_a_service_names_one(services: dict[str, Any]) -> None:
    for each in services.values():
        assert set(each.get("depends_on", ())) <= set(services)


@pytest.mark.parametrize("name", FILES)
def test_variables_that_are_set_exist(name: str) -> None:
    for variable in re.findall(r"CHAINGRAPH_\w+", (ROOT / name).read_text()):
        assert f"| `{variable}` |" in SETTINGS, variable


def test_ports_are_the_defaults(services: dict[str, Any]) -> None:
    default = Settings()
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"EXPOSE {default.port} {default.health_port}\n" in dockerfile
    assert f"127.0.0.1:{default.port}/health" in dockerfile
    assert f"dynamic a api {default.port} " in (ROOT / "deploy/Caddyfile").read_text()
    assert f"127.0.0.1:{default.health_port}/ready" in services["worker"]["healthcheck"]["test"][-1]


def test_health_checks_are_programs(services: dict[str, Any]) -> None:
    *_, of_worker = services["worker"]["healthcheck"]["test"]
    (of_image,) = re.findall(r'"-c", "(.*)"\]', (ROOT / "Dockerfile").read_text())
    for program in (of_worker, of_image):
        assert ast.parse(program).body


def test_a_worker_gets_the_time_that_its_drain_may_take(services: dict[str, Any]) -> None:
    seconds = int(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert seconds > Settings().drain_once_seconds
