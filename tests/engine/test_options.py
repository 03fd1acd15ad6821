"""How stored options are read."""

from __future__ import annotations

from chaingraph.engine.options import Options


def test_limits_are_read_from_the_stored_form() -> None:
    stored = {"execution": {"maxConcurrency": 3, "nodeTimeoutMs": 5, "flowTimeoutMs": 7}}
    assert Options.from_json(stored) == Options(3, 5.0, 7.0)


def test_options_that_say_nothing_are_the_defaults() -> None:
    nothing = {"execution": {"maxConcurrency": None, "nodeTimeoutMs": None}, "debug": True}
    assert Options.from_json(nothing) == Options.from_json(None) == Options()


def test_at_least_one_node_may_run() -> None:
    assert Options.from_json({"execution": {"maxConcurrency": 0}}).max_concurrency == 1
