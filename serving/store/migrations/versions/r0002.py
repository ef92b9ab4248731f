"""The log names the candidate of each entry, so that one candidate's can be found."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_AT_ONCE = 10_000


def upgrade() -> None:
    """Adds the column, fills it, and makes the index."""
    op.add_column("changes", sa.Column("candidate", _ID))
    op.execute("UPDATE changes SET candidate = key WHERE kind IN ('candidate', 'candidate_gone')")
    op.execute(
        "UPDATE changes SET candidate = (SELECT candidate FROM events WHERE events.position = changes.position)"
        " WHERE kind = 'event'"
    )
    _fill_those_of_deleted_candidates()
    named = sa.text("candidate IS NOT NULL")
    op.create_index(
        "changes_candidate", "changes", ["candidate", "position"], sqlite_where=named, postgresql_where=named
    )


def downgrade() -> None:
    """Takes both away."""
    op.drop_index("changes_candidate", "changes")
    op.drop_column("changes", "candidate")


def _fill_those_of_deleted_candidates() -> None:
    """Their events are in the log alone. In Python: PostgreSQL's functions for JSON refuse some that Python wrote."""
    connection = op.get_bind()
    left = sa.text(
        "SELECT position, document FROM changes WHERE kind = 'event' AND candidate IS NULL"
        f" ORDER BY position LIMIT {_AT_ONCE}"
    )
    while rows := connection.execute(left).all():
        connection.execute(
            sa.text("UPDATE changes SET candidate = :candidate WHERE position = :position"),
            [{"candidate": json.loads(row.document)["candidate_id"], "position": row.position} for row in rows],
        )
