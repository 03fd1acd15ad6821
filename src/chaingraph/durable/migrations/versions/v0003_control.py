"""Children, tree commands and due times."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLE = "chaingraph_executions"


def upgrade() -> None:
    for column in (
        sa.Column("open_children", sa.Integer, nullable=False, server_default="0"),
        sa.Column("parent_told", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("cascade", sa.JSON),
        sa.Column("wake_at", sa.BigInteger),
        sa.Column("awaited", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("forked_from", sa.Text),
    ):
        op.add_column(TABLE, column)
    untold = "parent_told = 0" if op.get_bind().dialect.name == "sqlite" else "NOT parent_told"
    _index("untold", "parent_execution_id", untold)
    _index("cascade", "id", "cascade IS NOT NULL")
    _index("wake_at", "wake_at", "wake_at IS NOT NULL")
    _index("unread", "disp", "disp = 'P' AND inbox_seq > inbox_cur")


def _index(name: str, column: str, rows: str) -> None:
    """An index of a few rows."""
    few = sa.text(rows)
    op.create_index(f"{TABLE}_{name}_idx", TABLE, [column], postgresql_where=few, sqlite_where=few)


def downgrade() -> None:
    for name in ("unread", "wake_at", "cascade", "untold"):
        op.drop_index(f"{TABLE}_{name}_idx")
    for column in (
        "forked_from",
        "awaited",
        "wake_at",
        "cascade",
        "parent_told",
        "open_children",
    ):
        op.drop_column(TABLE, column)
