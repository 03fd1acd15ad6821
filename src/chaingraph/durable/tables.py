"""The tables. Those of the original keep its names and columns; ours stand beside them.

Times of the original's columns are UTC without a zone, as it stores them.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
#: Not jsonb: a reason may hold a NUL.
Command = sa.JSON(none_as_null=True)

flows = sa.Table(
    "chaingraph_flows",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("data", Json, nullable=False),
    sa.Column("created_at", sa.DateTime, server_default=sa.func.now()),
    sa.Column("updated_at", sa.DateTime, server_default=sa.func.now()),
    sa.Column("owner_id", sa.Text),
    sa.Column("parent_id", sa.Text),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Index("chaingraph_flows_owner_created_idx", "owner_id", "created_at"),
    sa.Index("chaingraph_flows_owner_updated_idx", "owner_id", "updated_at"),
    sa.Index("chaingraph_flows_parent_idx", "parent_id"),
)

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

#: What a database of flows has to have.
WITH_THE_FLOWS = (flows, users, accounts)

snapshots = sa.Table(
    "chaingraph_snapshots",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

executions = sa.Table(
    "chaingraph_executions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("flow_id", sa.Text, nullable=False),
    sa.Column("owner_id", sa.Text, nullable=False),
    sa.Column("root_execution_id", sa.Text, nullable=False),
    sa.Column("parent_execution_id", sa.Text),
    sa.Column("status", sa.Text, nullable=False, server_default="created"),
    sa.Column("created_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    sa.Column("updated_at", sa.DateTime, nullable=False, server_default=sa.func.now()),
    sa.Column("started_at", sa.DateTime),
    sa.Column("completed_at", sa.DateTime),
    sa.Column("error_message", sa.Text),
    sa.Column("error_node_id", sa.Text),
    sa.Column("execution_depth", sa.Integer, nullable=False, server_default="0"),
    sa.Column("options", Json),
    sa.Column("integration", Json),
    sa.Column("external_events", Json),
    sa.Column("failure_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_failure_reason", sa.Text),
    sa.Column("last_failure_at", sa.DateTime),
    sa.Column("processing_started_at", sa.DateTime),
    sa.Column("processing_worker_id", sa.Text),
    # Dispatch: who acts next. Outside the fold. A row of the original is done for us.
    sa.Column("flow_snapshot", sa.Text),
    sa.Column("disp", sa.String(1), nullable=False, server_default="D"),
    sa.Column("num", sa.Integer, nullable=False, server_default="0"),
    sa.Column("holder", sa.Text),
    sa.Column("next_pos", sa.Integer, nullable=False, server_default="0"),
    sa.Column("inbox_seq", sa.Integer, nullable=False, server_default="0"),
    sa.Column("inbox_cur", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_batch", sa.Text),
    sa.Column("queued_at", sa.BigInteger),
    sa.Column("create_key", sa.Text),
    sa.Column("create_hash", sa.Text),
    sa.Column("open_children", sa.Integer, nullable=False, server_default="0"),
    sa.Column("parent_told", sa.Boolean, nullable=False, server_default=sa.true()),
    # A command on its way to all children.
    sa.Column("cascade", Command),
    sa.Column("wake_at", sa.BigInteger),
    sa.Column("awaited", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("forked_from", sa.Text),
    sa.Index("chaingraph_executions_flow_idx", "flow_id", "execution_depth", "created_at"),
    sa.Index("chaingraph_executions_root_idx", "root_execution_id"),
    sa.Index("chaingraph_executions_parent_idx", "parent_execution_id"),
    sa.Index("chaingraph_executions_status_idx", "status"),
    sa.Index("chaingraph_executions_holder_idx", "holder"),
    sa.Index("chaingraph_executions_disp_idx", "disp"),
    sa.Index("chaingraph_executions_create_key_idx", "create_key", unique=True),
)
# Of the few rows that somebody has to see to: looking for them costs nothing while there are none.
_e = executions.c
for _name, _column, _few in (
    ("untold", _e.parent_execution_id, sa.not_(_e.parent_told)),
    ("cascade", _e.id, _e.cascade.is_not(None)),
    ("wake_at", _e.wake_at, _e.wake_at.is_not(None)),
    ("unread", _e.disp, sa.and_(_e.disp == sa.literal_column("'P'"), _e.inbox_seq > _e.inbox_cur)),
):
    sa.Index(
        f"chaingraph_executions_{_name}_idx", _column, postgresql_where=_few, sqlite_where=_few
    )

journal = sa.Table(
    "chaingraph_journal",
    metadata,
    sa.Column("execution_id", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

inbox = sa.Table(
    "chaingraph_inbox",
    metadata,
    sa.Column("execution_id", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("command_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("chaingraph_inbox_command_idx", "execution_id", "command_id", unique=True),
)

blobs = sa.Table(
    "chaingraph_blobs",
    metadata,
    sa.Column("root_execution_id", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

workers = sa.Table(
    "chaingraph_workers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("alive", sa.Boolean, nullable=False),
)

recovery = sa.Table(
    "chaingraph_execution_recovery",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("execution_id", sa.Text, nullable=False),
    sa.Column("recovered_at", sa.DateTime, nullable=False),
    sa.Column("recovered_by_worker", sa.Text, nullable=False),
    sa.Column("recovery_reason", sa.Text, nullable=False),
    sa.Column("previous_status", sa.Text),
    sa.Column("previous_worker_id", sa.Text),
    sa.Index("chaingraph_execution_recovery_execution_idx", "execution_id"),
)

node_types = sa.Table(
    "chaingraph_node_types",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("published_at", sa.BigInteger, nullable=False),
)

tokens = sa.Table(
    "chaingraph_tokens",
    metadata,
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
    sa.Index("chaingraph_tokens_execution_idx", "execution_id"),
)
