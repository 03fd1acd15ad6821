"""Alembic's entry: migrations run on the connection that `durable.schema` opened."""

from alembic import context

from chaingraph.durable.schema import VERSION_TABLE
from chaingraph.durable.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
