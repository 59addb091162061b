from alembic import context

from quota_ledger.tables import Row

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Row.metadata, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
