"""One file that holds a tree of executions: the rows of its tables, a JSON line each.

The first line says what it is, the last one counts and hashes all before it, so that a file that
was cut or changed is known as such. Journal data stands in it byte for byte.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa

from chaingraph.durable import tables as t
from chaingraph.errors import BadInput

FORMAT = "chaingraph executions"
VERSION = 2
#: Files of the first version have fewer columns.
KNOWN = (1, VERSION)

#: In this order: what is referred to before what refers to it.
TABLES = {
    table.name: table
    for table in (t.snapshots, t.executions, t.journal, t.inbox, t.blobs, t.recovery)
}
#: What belongs to the database and not to the execution.
LEFT_OUT = frozenset(("create_key", "create_hash", "last_batch", "holder"))

Rows: TypeAlias = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Archive:
    """What a file holds: the rows of a whole tree, by table."""

    root_id: str
    rows: Mapping[str, Rows]

    def of(self, table: sa.Table) -> Rows:
        return self.rows[table.name]


async def lines(root_id: str, rows: AsyncIterator[tuple[sa.Table, Any]]) -> AsyncIterator[bytes]:
    """The lines of the file for these rows."""
    digest, count = hashlib.sha256(), 0
    header = _line({"format": FORMAT, "version": VERSION, "root": root_id})
    digest.update(header)
    yield header
    async for table, row in rows:
        line = _line([table.name, _plain(table, row._mapping)])
        digest.update(line)
        count += 1
        yield line
    yield _line({"rows": count, "sha256": digest.hexdigest()})


def read_archive(path: Path) -> Archive:
    """The archive in a file. Raises BadInput when it is none, or not as it was written."""
    try:
        return _read(_whole_lines(path))
    except (_Damaged, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = str(error) if isinstance(error, _Damaged) else "it has been damaged"
        raise BadInput(f"{path} is no export of an execution: {reason}") from error


class _Damaged(Exception):
    """Why a file cannot be read."""


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file but the last, which has to confirm them."""
    digest, count, before = hashlib.sha256(), -1, b""
    for line in _raw_lines(path):
        if before:
            digest.update(before)
            count += 1
            yield before
        before = line
    last = json.loads(before) if before.endswith(b"\n") else None
    if not isinstance(last, dict) or "sha256" not in last:
        raise _Damaged("its end is missing")
    if (last["rows"], last["sha256"]) != (count, digest.hexdigest()):
        raise _Damaged("it has been changed or damaged")


def _raw_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            yield from file
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _Damaged("its end is missing") from None


def _read(found: Iterator[bytes]) -> Archive:
    try:
        header = json.loads(next(found, b""))
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise _Damaged("it begins with something else")
    if header["version"] not in KNOWN:
        raise _Damaged(f"its format is {header['version']}, this release knows {VERSION}")
    rows: dict[str, list[Mapping[str, Any]]] = {name: [] for name in TABLES}
    for line in found:
        name, row = json.loads(line)
        rows[name].append(_values(TABLES[name], row))
    return Archive(header["root"], rows)


def _line(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"


def _plain(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column.name: _to_json(column, row[column.name])
        for column in table.columns
        if column.name in row and column.name not in LEFT_OUT
    }


def _values(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _from_json(table.columns[name], value) for name, value in row.items()}


def _to_json(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(column.type, sa.LargeBinary):
        return _text_or_base64(bytes(value), packed=column.table is t.blobs)
    return value


def _text_or_base64(data: bytes, *, packed: bool) -> str | dict[str, str]:
    if not packed:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    return {"base64": b64encode(data).decode()}


def _from_json(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(column.type, sa.DateTime):
        return None if value is None else datetime.fromisoformat(value)
    if isinstance(column.type, sa.LargeBinary):
        return value.encode() if isinstance(value, str) else b64decode(value["base64"])
    return value
