"""Addresses that nobody can guess, of pages and files: of each, what it opens and until when, and only its hash."""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import Plain, UtcDateTime

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Brings the store forward."""
    op.create_table(
        "addresses",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("order_id", ID, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("asset", Plain(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_addresses_order_id", "addresses", ["order_id"])
    op.create_index("ix_addresses_expires_at", "addresses", ["expires_at"])
