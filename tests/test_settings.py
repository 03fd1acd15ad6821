"""Which variable decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaingraph.settings import Settings, read_settings

OURS = "postgresql://ours/executions"
MAIN = "postgresql://theirs/main"
EXECUTIONS = "postgresql://theirs/executions"
FLOWS = "postgresql://ours/flows"


def test_nothing_set_is_the_default() -> None:
    assert read_settings({}) == Settings()


def test_what_is_empty_is_not_set() -> None:
    assert read_settings({"CHAINGRAPH_PORT": "", "PORT": "", "DATABASE_URL": ""}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("PORT", "5000", "port", 5000),
        ("HEALTH_PORT", "9191", "health_port", 9191),
        ("DBOS_WORKER_CONCURRENCY", "5", "slots", 5),
        ("DBOS_QUEUE_CONCURRENCY", "100", "concurrency", 100),
        ("LOG_LEVEL", "info", "log_level", "info"),
        ("LOG_LEVEL", "warn", "log_level", "warning"),
        ("LOG_LEVEL", "trace", "log_level", "debug"),
    ],
)
def test_variables_of_the_original_are_understood(
    variable: str, value: str, field: str, expected: object
) -> None:
    assert getattr(read_settings({variable: value}), field) == expected


@pytest.mark.parametrize(
    ("ours", "original", "field"),
    [
        ("CHAINGRAPH_PORT", "PORT", "port"),
        ("CHAINGRAPH_HEALTH_PORT", "HEALTH_PORT", "health_port"),
        ("CHAINGRAPH_SLOTS", "DBOS_WORKER_CONCURRENCY", "slots"),
        ("CHAINGRAPH_CONCURRENCY", "DBOS_QUEUE_CONCURRENCY", "concurrency"),
    ],
)
def test_our_variable_wins(ours: str, original: str, field: str) -> None:
    assert getattr(read_settings({original: "1", ours: "2"}), field) == 2


@pytest.mark.parametrize(
    ("environment", "database", "flows"),
    [
        ({"CHAINGRAPH_DATABASE_URL": OURS}, OURS, OURS),
        ({"DATABASE_URL": MAIN}, MAIN, MAIN),
        ({"DATABASE_URL": MAIN, "DATABASE_URL_EXECUTIONS": EXECUTIONS}, EXECUTIONS, MAIN),
        ({"DATABASE_URL_EXECUTIONS": EXECUTIONS}, EXECUTIONS, EXECUTIONS),
        ({"CHAINGRAPH_DATABASE_URL": OURS, "DATABASE_URL": MAIN}, OURS, OURS),
        ({"CHAINGRAPH_DATABASE_URL": OURS, "CHAINGRAPH_FLOWS_DATABASE_URL": FLOWS}, OURS, FLOWS),
        ({"DATABASE_URL": MAIN, "CHAINGRAPH_FLOWS_DATABASE_URL": FLOWS}, MAIN, FLOWS),
    ],
)
def test_one_database_or_two(environment: dict[str, str], database: str, flows: str) -> None:
    settings = read_settings(environment)
    assert (settings.database_url, settings.flows_database_url) == (database, flows)


def test_flows_alone_may_be_elsewhere() -> None:
    settings = read_settings({"CHAINGRAPH_FLOWS_DATABASE_URL": FLOWS, "CHAINGRAPH_DATA_DIR": "d"})
    assert settings.database_url == f"sqlite:///{Path('d/chaingraph.db')}"
    assert settings.flows_database_url == FLOWS


def test_lists_are_separated_by_commas() -> None:
    settings = read_settings({"CHAINGRAPH_NODES": "a.py, b", "CHAINGRAPH_ORIGINS": "https://x,"})
    assert (settings.nodes, settings.origins) == (("a.py", "b"), ("https://x",))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="many"):
        read_settings({"PORT": "many"})
