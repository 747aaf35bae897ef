"""What alembic asks: the transaction that the migrations run in."""

from __future__ import annotations

from alembic import context

from Modules.prompts.store.database import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
