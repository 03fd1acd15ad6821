"""Tokens, and the users with their accounts.

The original's tables of users and accounts, where they are, stay as they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

metadata = sa.MetaData()

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

users = sa.Table(
    "chaingraph_users",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("display_name", sa.Text),
    sa.Column("avatar_url", sa.Text),
    sa.Column("role", sa.Text, nullable=False, server_default="user"),
    sa.Column("created_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    sa.Column("updated_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    sa.Column("last_login_at", sa.DateTime),
    sa.Column("metadata", Json),
)

accounts = sa.Table(
    "chaingraph_external_accounts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("external_email", sa.Text),
    sa.Column("display_name", sa.Text),
    sa.Column("avatar_url", sa.Text),
    sa.Column("metadata", Json),
    sa.Column("created_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    sa.Column("last_used_at", sa.DateTime),
    sa.UniqueConstraint("provider", "external_id", name="chaingraph_external_accounts_key"),
    sa.Index("chaingraph_external_accounts_user_idx", "user_id"),
)


def upgrade() -> None:
    for table in (users, accounts):
        table.create(op.get_bind(), checkfirst=True)
    op.create_table(
        "chaingraph_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("execution_id", sa.Text),
    )
    op.create_index("chaingraph_tokens_execution_idx", "chaingraph_tokens", ["execution_id"])


def downgrade() -> None:
    # The users may have been there before; who has none does not mind the empty tables.
    op.drop_table("chaingraph_tokens")
