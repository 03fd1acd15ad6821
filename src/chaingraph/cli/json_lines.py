"""What `--json` prints: one plain JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from chaingraph.superjson import plain

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from chaingraph.client import Event
    from chaingraph.execution.view import SeenEvent


def print_objects(objects: Iterable[Mapping[str, Any]]) -> None:
    """Write each as one line, and all of them at once."""
    lines = [json.dumps(plain(each), ensure_ascii=False, separators=(",", ":")) for each in objects]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def event_object(event: SeenEvent | Event) -> dict[str, Any]:
    return {
        "position": event.position,
        "index": event.index,
        "type": event.type,
        "timestamp": event.timestamp,
        "data": event.data,
    }


def record_object(record: DataclassInstance) -> dict[str, Any]:
    """The fields of a record under the names that they have on the wire."""
    return {_camel(each.name): getattr(record, each.name) for each in fields(record)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
