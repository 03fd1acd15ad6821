"""Bringing a database up to date: our tables by Alembic, DBOS's by DBOS."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS
from sqlalchemy.engine import Engine

from chaingraph.durable.database import Database, patiently

VERSION_TABLE = "chaingraph_version"
HEAD = "0001"
#: The number of an advisory lock: one process upgrades at a time.
UPGRADE_LOCK = 4021

log = logging.getLogger(__name__)


def upgrade(database: Database) -> None:
    """Create or upgrade all tables. Cheap when there is nothing to do; safe to run twice.

    Raises StoreUnavailable.
    """
    if patiently(partial(current, database.engine)) == HEAD:
        return
    from alembic import command  # slow to import, and seldom needed
    from alembic.config import Config

    # First, and safe to repeat: our version then says that all of it is there.
    DBOS.migrate(database.url.render_as_string(hide_password=False))
    with database.engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def current(engine: Engine) -> str | None:
    """The version of our tables, or None when there are none."""
    if not sa.inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        version = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if version is None else str(version)
