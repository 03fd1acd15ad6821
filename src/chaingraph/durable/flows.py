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
from chaingraph.execution.ports import StoredFlow

#: The original's columns may be empty.
_UNKNOWN = datetime.fromtimestamp(0, UTC)


class SqlFlows:
    """See `execution.ports.Flows` for what each method promises."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def put(self, data: Mapping[str, Any], owner_id: str) -> StoredFlow:
        return await self._database.write("put-flow", lambda c: self._put(c, data, owner_id))

    def _put(self, connection: Connection, data: Mapping[str, Any], owner: str) -> StoredFlow:
        flow_id, now = data["id"], naive(self._clock())
        query = sa.select(table).where(table.c.id == flow_id)
        row = {"id": flow_id, "data": data, "owner_id": owner, "version": 1}
        new = {**row, "created_at": now, "updated_at": now}
        connection.execute(self._database.insert_once(table), new)
        known = connection.execute(query.with_for_update()).one()
        if known.data != data:
            connection.execute(
                sa.update(table)
                .where(table.c.id == flow_id)
                .values(data=data, owner_id=owner, version=known.version + 1, updated_at=now)
            )
        return _stored(connection.execute(query).one())

    async def get(self, flow_id: str) -> StoredFlow | None:
        query = sa.select(table).where(table.c.id == flow_id)
        row = await self._database.read(lambda c: c.execute(query).first())
        return _stored(row) if row is not None else None

    async def list(self, owners: Collection[str] | None = None) -> builtins.list[StoredFlow]:
        query = sa.select(table).order_by(table.c.created_at.desc(), table.c.id)
        if owners is not None:
            query = query.where(sa.func.coalesce(table.c.owner_id, "local").in_(owners))
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_stored(row) for row in rows]

    async def delete(self, flow_id: str) -> bool:
        statement = sa.delete(table).where(table.c.id == flow_id)
        rows = await self._database.write("delete-flow", lambda c: c.execute(statement).rowcount)
        return rows > 0


def _stored(row: Row[Any]) -> StoredFlow:
    return StoredFlow(
        id=row.id,
        data=row.data,
        owner_id=row.owner_id,
        version=row.version,
        created_at=aware(row.created_at) or _UNKNOWN,
        updated_at=aware(row.updated_at) or _UNKNOWN,
    )
