"""The users and their accounts, in the original's tables. See `execution.identity.Accounts`."""

from __future__ import annotations

import builtins
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chaingraph.durable.database import Database
from chaingraph.durable.rows import naive
from chaingraph.durable.tables import accounts, users
from chaingraph.errors import AccountTaken, UserNotFound
from chaingraph.execution.identity import Account, User
from chaingraph.flow.ids import random_letters


class SqlAccounts:
    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def user(self, user_id: str) -> User | None:
        return await self._user(_USERS.where(users.c.id == user_id))

    async def user_of(self, provider: str, external_id: str) -> User | None:
        return await self._user(_USERS.join(accounts).where(*_is(provider, external_id)))

    async def _user(self, query: sa.Select[tuple[str, str]]) -> User | None:
        row = await self._database.read(lambda c: c.execute(query).first())
        return None if row is None else User(row.id, row.role)

    async def aliases(self, user_id: str) -> frozenset[str]:
        query = _aliases(user_id)
        rows = await self._database.read(lambda c: c.execute(query).all())
        bare = {row.external_id for row in rows if not row.means_another}
        return frozenset({f"{row.provider}:{row.external_id}" for row in rows} | bare)

    async def add_user(self, user: User) -> None:
        await self._database.write("add-user", lambda c: self._add_user(c, user))

    def _add_user(self, connection: Connection, user: User) -> None:
        now = naive(self._clock())
        row = {"id": user.id, "role": user.role, "created_at": now, "updated_at": now}
        insert = self._database.insert_once(users).returning(users.c.id)
        if connection.execute(insert, row).first() is None:
            update = sa.update(users).where(users.c.id == user.id)
            connection.execute(update.values(role=user.role, updated_at=now))

    async def link(self, account: Account) -> None:
        await self._database.write("link", lambda c: self._link(c, account))

    def _link(self, connection: Connection, account: Account) -> None:
        user_id, provider, external_id = account.user_id, account.provider, account.external_id
        if connection.execute(_USERS.where(users.c.id == user_id)).first() is None:
            raise UserNotFound(user_id)
        row = {
            "id": random_letters(24),
            "user_id": user_id,
            "provider": provider,
            "external_id": external_id,
            "created_at": naive(self._clock()),
        }
        connection.execute(self._database.insert_once(accounts), row)
        known = sa.select(accounts.c.user_id).where(*_is(provider, external_id))
        if connection.execute(known).scalar_one() != user_id:
            raise AccountTaken(provider, external_id)

    async def unlink(self, provider: str, external_id: str) -> bool:
        statement = sa.delete(accounts).where(*_is(provider, external_id))
        rows = await self._database.write("unlink", lambda c: c.execute(statement).rowcount)
        return rows > 0

    async def list(self) -> builtins.list[tuple[User, builtins.list[Account]]]:
        a = accounts.c
        query = _USERS.add_columns(a.provider, a.external_id).outerjoin(accounts)
        rows = await self._database.read(lambda c: c.execute(query).all())
        found: dict[User, builtins.list[Account]] = {}
        for user_id, role, provider, external_id in sorted(rows, key=tuple):
            theirs = found.setdefault(User(user_id, role), [])
            if provider is not None:
                theirs.append(Account(user_id, provider, external_id))
        return [*found.items()]


_USERS = sa.select(users.c.id, users.c.role)


def _is(provider: str, external_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return accounts.c.provider == provider, accounts.c.external_id == external_id


def _aliases(user_id: str) -> sa.Select[tuple[str, str, bool]]:
    """The user's accounts, and whether an `external_id` alone means another user too."""
    mine, other = accounts.c, accounts.alias().c
    same_elsewhere = sa.exists().where(
        other.external_id == mine.external_id, other.user_id != user_id
    )
    is_a_user = sa.exists().where(users.c.id == mine.external_id, users.c.id != user_id)
    means_another = sa.or_(same_elsewhere, is_a_user).label("means_another")
    return sa.select(mine.provider, mine.external_id, means_another).where(mine.user_id == user_id)
