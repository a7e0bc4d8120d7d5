"""Orders, their details, intents and history; cursors, remotes, the last pass."""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import ID, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Brings the store forward."""
    op.create_table(
        "orders",
        sa.Column("id", ID, nullable=False),
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("portal_status", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("work", sa.String(), nullable=False),
        sa.Column("fulfilment", sa.String(), nullable=True),
        sa.Column("fulfilment_ref", sa.Text(), nullable=True),
        sa.Column("park", sa.String(), nullable=True),
        sa.Column("parked", sa.Text(), nullable=True),
        sa.Column("look_due", sa.Boolean(), nullable=False),
        sa.Column("doubt", sa.Boolean(), nullable=False),
        sa.Column("taken_over", sa.Boolean(), nullable=False),
        sa.Column("explained", sa.Boolean(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=True),
        sa.Column("wish_at", UtcDateTime(), nullable=True),
        sa.Column("hold_until", UtcDateTime(), nullable=True),
        sa.Column("begun_at", UtcDateTime(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("tells", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("message_type", sa.String(), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("wake_at", UtcDateTime(), nullable=True),
        sa.Column("wake_firm", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("listed_status", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("portal", "external_id"),
    )
    op.create_table(
        "details",
        sa.Column("order_id", ID, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_table(
        "raw_answers",
        sa.Column("order_id", ID, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_table(
        "intents",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("order_id", ID, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "history",
        sa.Column("id", ID, nullable=False),
        sa.Column("order_id", ID, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "cursors",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("position", sa.String(), nullable=True),
        sa.Column("reread_on", sa.String(), nullable=True),
        sa.Column("last_poll_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "remotes",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "passes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_orders_wake_at", "orders", ["wake_at"])
    op.create_index("ix_orders_ended_at", "orders", ["ended_at"])
    op.create_index("ix_intents_open", "intents", ["order_id", "open"])
    op.create_index("ix_history_order", "history", ["order_id", "id"])
