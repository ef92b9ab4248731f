"""The first form: documents, events, keys, the log and its head, vectors."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes all tables, and the one row of the head."""
    for name in ("postings", "candidates", "keys"):
        op.create_table(
            name,
            sa.Column("id", _ID, primary_key=True),
            sa.Column("document", sa.Text, nullable=False),
            sa.Column("digest", sa.LargeBinary, nullable=False),
            sa.Column("position", _POSITION, nullable=False),
        )
    op.create_table(
        "events",
        sa.Column("position", _POSITION, primary_key=True, autoincrement=False),
        sa.Column("id", _ID, nullable=False, unique=True),
        sa.Column("candidate", _ID, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    op.create_index("events_candidate", "events", ["candidate", "position"])
    op.create_table(
        "changes",
        sa.Column("position", _POSITION, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("key", _ID, nullable=False),
        sa.Column("document", sa.Text),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "vectors",
        sa.Column("encoder", _ID, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "indexed",
        sa.Column("encoder", _ID, primary_key=True),
        sa.Column("position", _POSITION, nullable=False),
    )
    head = op.create_table(
        "head",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("position", _POSITION, nullable=False),
        sa.Column("pruned", _POSITION, nullable=False),
        sa.Column("store", sa.String, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "position": 0, "pruned": 0, "store": uuid4().hex}])


def downgrade() -> None:
    """Takes everything away."""
    for name in ("head", "indexed", "vectors", "changes", "events", "keys", "candidates", "postings"):
        op.drop_table(name)
