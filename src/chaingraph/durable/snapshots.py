"""Flow snapshots: kept as long as an execution refers to them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable import tables as t
from chaingraph.durable.database import Database

_s, _e = t.snapshots.c, t.executions.c
_REFERRED = sa.select(_e.flow_snapshot).where(_e.flow_snapshot.is_not(None))


def keep(database: Database, connection: Connection, hash_: str, data: bytes) -> None:
    """Store the snapshot and hold on to it until the commit of the row that refers to it.

    Without the lock `forget` could delete it in between: it cannot see that row yet.
    """
    held = sa.select(_s.hash).where(_s.hash == hash_).with_for_update(read=True, key_share=True)
    while connection.execute(held).first() is None:
        connection.execute(database.insert_once(t.snapshots), {"hash": hash_, "data": data})


def unreferred(connection: Connection, limit: int) -> list[str]:
    """Snapshots that no execution refers to just now."""
    query = sa.select(_s.hash).where(_s.hash.not_in(_REFERRED)).limit(limit)
    return list(connection.execute(query).scalars())


def forget(connection: Connection, hashes: Sequence[str]) -> int:
    """Delete those of these snapshots that no execution refers to; how many they were.

    Whoever keeps one of them is waited for; the second statement then sees its execution.
    """
    locked = sa.select(_s.hash).where(_s.hash.in_(hashes)).order_by(_s.hash).with_for_update()
    mine = list(connection.execute(locked).scalars())
    statement = sa.delete(t.snapshots).where(_s.hash.in_(mine), _s.hash.not_in(_REFERRED))
    return connection.execute(statement).rowcount
