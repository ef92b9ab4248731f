"""Run by Alembic inside the transaction that ``serving.store.migration`` has begun."""

from alembic import context

from serving.store.model import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
