"""Mails by their moment, so that old ones are found; and runs that looked after all alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the index and the table."""
    op.create_index("alert_mails_moment", "alert_mails", ["at"])
    op.create_table(
        "finished_runs",
        sa.Column("moment", sa.Float(53), primary_key=True),
        sa.Column("position", _POSITION, nullable=False),
    )


def downgrade() -> None:
    """Takes them away."""
    op.drop_table("finished_runs")
    op.drop_index("alert_mails_moment", "alert_mails")
