"""Bringing a database up to date: our tables by Alembic, DBOS's by DBOS."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from dbos import run_dbos_database_migrations
from sqlalchemy.engine import Engine

from chaingraph.durable.database import Database

VERSION_TABLE = "chaingraph_version"
HEAD = "0001"

log = logging.getLogger(__name__)


def upgrade(database: Database) -> None:
    """Create or upgrade all tables. Cheap when there is nothing to do; safe to run twice."""
    if current(database.engine) == HEAD:
        return
    with database.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    run_dbos_database_migrations(database.url.render_as_string(hide_password=False))


def current(engine: Engine) -> str | None:
    """The version of our tables, or None when there are none."""
    if not sa.inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        version = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if version is None else str(version)
