"""The published node types in SQL. See `execution.ports.TypeRegistry` for the promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable.database import Database
from chaingraph.durable.tables import node_types as table


class SqlTypeRegistry:
    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def publish(self, types: Mapping[str, Mapping[str, Any]]) -> None:
        known = await self.published()
        changed = {name: data for name, data in types.items() if known.get(name) != data}
        if changed:
            await self._database.write("publish", lambda c: self._put(c, changed))

    def _put(self, connection: Connection, changed: Mapping[str, Mapping[str, Any]]) -> None:
        at = self._clock()
        insert = self._database.insert_once(table).returning(table.c.name)
        # In the same order everywhere: workers that join at once do not lock each other out.
        for name, data in sorted(changed.items()):
            row = {"name": name, "data": data, "published_at": at}
            if connection.execute(insert, row).first() is None:
                connection.execute(sa.update(table).where(table.c.name == name).values(row))

    async def published(self) -> dict[str, Mapping[str, Any]]:
        query = sa.select(table.c.name, table.c.data)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return {row.name: row.data for row in rows}
