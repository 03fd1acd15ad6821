"""The stored flows, in the original's table."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from chaingraph.durable.database import Database
from chaingraph.durable.rows import aware, naive
from chaingraph.durable.tables import flows as table
from chaingraph.errors import Forbidden
from chaingraph.execution.ports import StoredFlow

#: The original's columns may be empty.
_UNKNOWN = datetime.fromtimestamp(0, UTC)


class SqlFlows:
    """See `execution.ports.Flows` for what each method promises."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def put(
        self, data: Mapping[str, Any], owner_id: str, owners: Collection[str] | None = None
    ) -> StoredFlow:
        now = naive(self._clock())
        new = {"id": data["id"], "data": data, "owner_id": owner_id, "version": 1}
        new |= {"created_at": now, "updated_at": now}
        return await self._database.write("put-flow", lambda c: self._put(c, new, owners))

    def _put(
        self, connection: Connection, new: Mapping[str, Any], owners: Collection[str] | None
    ) -> StoredFlow:
        known = self._held(connection, new)
        if owners is not None and known.owner not in owners:
            raise Forbidden(f"flow {known.id}")
        if known.data == new["data"]:
            return known
        changes = {name: new[name] for name in ("data", "owner_id", "updated_at")}
        update = sa.update(table).where(table.c.id == known.id).returning(*table.c)
        next_one = update.values(**changes, version=known.version + 1)
        return _stored(connection.execute(next_one).one())

    def _held(self, connection: Connection, new: Mapping[str, Any]) -> StoredFlow:
        """What is under this id, after the insert: nobody else changes it before the commit."""
        query = sa.select(table).where(table.c.id == new["id"]).with_for_update()
        while True:
            connection.execute(self._database.insert_once(table), new)
            if (row := connection.execute(query).first()) is not None:
                return _stored(row)
            # It was there, and was deleted in between.

    async def get(self, flow_id: str) -> StoredFlow | None:
        query = sa.select(table).where(table.c.id == flow_id)
        row = await self._database.read(lambda c: c.execute(query).first())
        return _stored(row) if row is not None else None

    async def list(self, owners: Collection[str] | None = None) -> builtins.list[StoredFlow]:
        query = sa.select(table).order_by(table.c.created_at.desc(), table.c.id)
        rows = await self._database.read(lambda c: c.execute(query.where(_is_of(owners))).all())
        return [_stored(row) for row in rows]

    async def delete(self, flow_id: str, owners: Collection[str] | None = None) -> bool:
        statement = sa.delete(table).where(table.c.id == flow_id, _is_of(owners))
        rows = await self._database.write("delete-flow", lambda c: c.execute(statement).rowcount)
        return rows > 0


def _is_of(owners: Collection[str] | None) -> sa.ColumnElement[bool]:
    if owners is None:
        return sa.true()
    return sa.func.coalesce(table.c.owner_id, "local").in_(owners)


def _stored(row: Row[Any]) -> StoredFlow:
    return StoredFlow(
        id=row.id,
        data=row.data,
        owner_id=row.owner_id,
        version=row.version,
        created_at=aware(row.created_at) or _UNKNOWN,
        updated_at=aware(row.updated_at) or _UNKNOWN,
    )
