"""Logs on stderr: lines for people or JSON for machines. They never hold a value of a flow."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import PurePath

from chaingraph.errors import BadInput


def log_to_stderr(level: str, format: str) -> None:
    """From now on the process logs from this level on. Raises BadInput for an unknown one."""
    formatters = {"text": TextLines, "json": JsonLines}
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise BadInput(f"There is no log level {level}")
    if format not in formatters:
        raise BadInput(f"There is no log format {format}: it is text or json")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatters[format]())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("chaingraph").setLevel(number)


class TextLines(logging.Formatter):
    """`time LEVEL logger execution: message`."""

    def format(self, record: logging.LogRecord) -> str:
        about = getattr(record, "execution_id", None)
        name = f"{record.name} {about}" if about else record.name
        at = _time(record).astimezone().strftime("%H:%M:%S")
        line = f"{at} {record.levelname} {name}: {record.getMessage()}"
        return "\n".join([line, *(f"    {each}" for each in _error(record))])


class JsonLines(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, object] = {
            "timestamp": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if about := getattr(record, "execution_id", None):
            members["execution_id"] = about
        if error := _error(record):
            members["error"] = error
        return json.dumps(members)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _error(record: logging.LogRecord) -> list[str]:
    """The type of the error and where it passed. Its message may quote values, so it stays out."""
    if not record.exc_info or record.exc_info[1] is None:
        return []
    _, error, where = record.exc_info
    frames = traceback.extract_tb(where)
    passed = [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames]
    return [type(error).__name__, *passed]
