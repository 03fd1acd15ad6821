"""Bringing a database up to date: our tables by Alembic, DBOS's by DBOS."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS
from sqlalchemy.engine import Connection, Engine

from chaingraph.durable.database import Database, patiently
from chaingraph.durable.tables import WITH_THE_FLOWS
from chaingraph.errors import NewerDatabase

VERSION_TABLE = "chaingraph_version"
#: The newest version; they are numbered in the order of their release.
HEAD = "0004"
#: The number of an advisory lock: one process upgrades at a time.
UPGRADE_LOCK = 4021

log = logging.getLogger(__name__)


def upgrade(database: Database) -> None:
    """Create or upgrade all tables. Cheap when there is nothing to do; safe to run twice.

    An SQLite file of an older release is copied first. Raises StoreUnavailable, and
    NewerDatabase for one of a later release, which is not touched.
    """
    found = patiently(partial(current, database.engine))
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise NewerDatabase(found, HEAD)
    from alembic import command  # slow to import, and seldom needed
    from alembic.config import Config

    if found is not None and database.is_sqlite:
        _keep_copy(database)
    # First, and safe to repeat: our version then says that all of it is there.
    DBOS.migrate(database.url.render_as_string(hide_password=False))
    with database.engine.begin() as connection:
        _one_at_a_time(connection)
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def create_flows(database: Database) -> None:
    """Make the tables of flows and of users where there are none. Nothing else is touched."""
    if patiently(partial(_has_all, database.engine)):
        return
    with database.engine.begin() as connection:
        _one_at_a_time(connection)
        for table in WITH_THE_FLOWS:
            table.create(connection, checkfirst=True)


def current(engine: Engine) -> str | None:
    """The version of our tables, or None when there are none."""
    if not _has(engine, VERSION_TABLE):
        return None
    with engine.connect() as connection:
        return _version(connection)


def _has(engine: Engine, table: str) -> bool:
    return sa.inspect(engine).has_table(table)


def _has_all(engine: Engine) -> bool:
    return {each.name for each in WITH_THE_FLOWS} <= set(sa.inspect(engine).get_table_names())


def _version(connection: Connection) -> str | None:
    version = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if version is None else str(version)


def _one_at_a_time(connection: Connection) -> None:
    """SQLite's transactions have the write lock from their beginning."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))


def _keep_copy(database: Database) -> None:
    """Copy the file as it is to `FILE.before-VERSION`, unless somebody has upgraded it just now.

    The transaction keeps writers away meanwhile; the copy reads beside it.
    """
    file = Path(str(database.url.database))
    copy = file.with_name(f"{file.name}.before-{HEAD}")
    unfinished = file.with_name(f"{copy.name}.part")
    with database.engine.begin() as connection:
        if _version(connection) == HEAD:
            return
        with (
            closing(sqlite3.connect(file)) as source,
            closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
        os.replace(unfinished, copy)
    log.warning("The database is upgraded to version %s; a copy of it is %s", HEAD, copy)
