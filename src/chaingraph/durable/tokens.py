"""The tokens in SQL. See `execution.identity.Tokens` for the promises."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from chaingraph.durable.database import Database
from chaingraph.durable.tables import tokens as table
from chaingraph.execution.identity import Token
from chaingraph.execution.principals import Scope


class SqlTokens:
    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def add(self, token: Token, hash: bytes) -> None:
        statement = self._database.insert_once(table).values(
            id=token.id,
            hash=hash,
            user_id=token.user_id,
            role=token.role,
            scopes=sorted(token.scopes),
            name=token.name,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            execution_id=token.execution_id,
        )
        await self._database.write("add-token", lambda c: c.execute(statement))

    async def find(self, token_id: str) -> tuple[Token, bytes] | None:
        query = sa.select(table).where(table.c.id == token_id)
        row = await self._database.read(lambda c: c.execute(query).first())
        return None if row is None else (_token(row), row.hash)

    async def list(self, execution_id: str | None = None) -> builtins.list[Token]:
        query = sa.select(table).order_by(table.c.created_at.desc(), table.c.id)
        if execution_id is not None:
            query = query.where(table.c.execution_id == execution_id)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_token(row) for row in rows]

    async def revoke(self, token_id: str) -> bool:
        first = sa.func.coalesce(table.c.revoked_at, self._clock())
        statement = sa.update(table).where(table.c.id == token_id).values(revoked_at=first)
        rows = await self._database.write("revoke", lambda c: c.execute(statement).rowcount)
        return rows > 0


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        user_id=row.user_id,
        role=row.role,
        scopes=frozenset(map(Scope, row.scopes)),
        name=row.name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        execution_id=row.execution_id,
    )
