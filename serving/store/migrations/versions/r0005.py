"""Alerts, the ledger of their mails, when each posting was first seen, and who sends."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ID = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables; all postings that the store knows have been seen."""
    # Locked, as by whoever writes: what is committed while the tables are filled would be noted nowhere.
    table = sa.table("head", sa.column("position"))
    head = op.get_bind().execute(sa.select(table.c.position).with_for_update()).scalar()
    _alerts()
    _ledger()
    op.create_table(
        "arrivals",
        sa.Column("posting", _ID, primary_key=True),
        sa.Column("position", _POSITION, nullable=False),
    )
    op.create_index("arrivals_position", "arrivals", ["position"])
    op.execute("INSERT INTO arrivals SELECT key, min(position) FROM changes WHERE kind = 'posting' GROUP BY key")
    op.execute("INSERT INTO arrivals SELECT id, 0 FROM postings WHERE id NOT IN (SELECT posting FROM arrivals)")
    run = op.create_table(
        "alert_run",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String, nullable=False),
        sa.Column("arrivals", _POSITION, nullable=False),
        sa.Column("holder", sa.String),
        sa.Column("until", sa.Float(53), nullable=False),
        sa.Column("bundle", sa.String),
        sa.Column("position", _POSITION),
        sa.Column("indexed", _POSITION),
        sa.Column("moment", sa.Float(53)),
    )
    op.bulk_insert(run, [{"id": 1, "secret": secrets.token_hex(32), "arrivals": head, "until": 0.0}])


def downgrade() -> None:
    """Takes them away."""
    for name in ("alert_run", "arrivals", "alert_postings", "alert_mails", "alerts"):
        op.drop_table(name)


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("candidate", _ID, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("cadence", sa.String, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created", sa.Float(53), nullable=False),
        sa.Column("position", _POSITION, nullable=False),
        sa.Column("served", sa.Float(53), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("why", sa.String, nullable=False),
    )
    op.create_index("alerts_candidate", "alerts", ["candidate", "id"])


def _ledger() -> None:
    op.create_table(
        "alert_mails",
        sa.Column("message", _ID, primary_key=True),
        sa.Column("alert", _ID, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("upto", _POSITION, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("due", sa.Float(53), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("unsure", sa.Integer, nullable=False),
        sa.Column("reply", sa.String, nullable=False),
    )
    op.create_index("alert_mails_alert", "alert_mails", ["alert", "at"])
    op.create_index("alert_mails_state", "alert_mails", ["state", "message"])
    op.create_table(
        "alert_postings",
        sa.Column("alert", _ID, primary_key=True),
        sa.Column("posting", _ID, primary_key=True),
        sa.Column("message", _ID, nullable=False),
    )
    op.create_index("alert_postings_message", "alert_postings", ["message"])
