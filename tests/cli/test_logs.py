from __future__ import annotations

import json
import logging
import sys

import pytest

from chaingraph.cli.logs import JsonLines, TextLines, log_to_stderr
from chaingraph.errors import BadInput


def record(**extra: object) -> logging.LogRecord:
    log = logging.getLogger("chaingraph.worker")
    try:
        raise ValueError("the secret")
    except ValueError:
        error = sys.exc_info()
    return log.makeRecord(log.name, logging.ERROR, "", 1, "it %s", ("broke",), error, extra=extra)


def test_json_lines_carry_the_execution() -> None:
    line = json.loads(JsonLines().format(record(execution_id="EX1")))
    assert line["message"] == "it broke"
    assert line["level"] == "error"
    assert line["execution_id"] == "EX1"
    assert line["timestamp"].endswith("Z")


def test_text_lines_carry_the_execution() -> None:
    first, *_ = TextLines().format(record(execution_id="EX1")).splitlines()
    assert first.endswith("ERROR chaingraph.worker EX1: it broke")


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_an_error_is_told_without_its_message(form: logging.Formatter) -> None:
    text = form.format(record())
    assert "ValueError" in text
    assert "secret" not in text


def test_the_level_is_for_us_and_others_only_warn(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("debug", "text")
    logging.getLogger("chaingraph.x").debug("ours")
    logging.getLogger("other").info("theirs")
    said = capsys.readouterr().err
    assert "ours" in said
    assert "theirs" not in said


def test_an_unknown_level_or_format_is_refused() -> None:
    with pytest.raises(BadInput):
        log_to_stderr("loud", "text")
    with pytest.raises(BadInput):
        log_to_stderr("info", "xml")
