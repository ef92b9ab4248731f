"""What candidates muted, beside their profiles: a profile that is imported again leaves it as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the table of mutes."""
    op.create_table(
        "mutes",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("position", _POSITION, nullable=False),
    )


def downgrade() -> None:
    """Takes it away."""
    op.drop_table("mutes")
