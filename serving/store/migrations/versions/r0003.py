"""Which postings each feed brought, so that one that vanishes from it can expire."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table of feeds."""
    op.create_table(
        "feed_postings",
        sa.Column("feed", _ID, primary_key=True),
        sa.Column("posting", _ID, primary_key=True),
    )
    op.create_index("feed_postings_posting", "feed_postings", ["posting"])


def downgrade() -> None:
    """Takes it away."""
    op.drop_table("feed_postings")
