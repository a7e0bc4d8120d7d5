"""Several workers on one store, and millions of orders: revisions, leases, and indexes over the few that count."""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import UtcDateTime

revision = "0002"
down_revision = "0001"

ERASED = """
UPDATE orders SET erased_at = ended_at WHERE ended_at IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM details WHERE details.order_id = orders.id)
AND NOT EXISTS (SELECT 1 FROM raw_answers WHERE raw_answers.order_id = orders.id)
"""


def upgrade() -> None:
    """Brings the store forward."""
    op.add_column("orders", sa.Column("rev", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("needs", sa.String(), nullable=True))
    op.add_column("orders", sa.Column("leased_by", sa.String(), nullable=True))
    op.add_column("orders", sa.Column("leased_until", UtcDateTime(), nullable=True))
    op.add_column("orders", sa.Column("erased_at", UtcDateTime(), nullable=True))
    op.execute(ERASED)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.drop_index("ix_orders_wake_at", table_name="orders")
    op.drop_index("ix_orders_ended_at", table_name="orders")
    op.drop_index("ix_intents_open", table_name="intents")
    _part("ix_orders_due", "orders", ["wake_at", "wake_firm"], "wake_at IS NOT NULL")
    _part("ix_orders_updated", "orders", ["updated_at"], "wake_at IS NOT NULL")
    _part("ix_orders_leased", "orders", ["leased_by"], "leased_by IS NOT NULL")
    _part("ix_orders_parked", "orders", ["id"], "park IS NOT NULL")
    _part("ix_orders_open", "orders", ["portal", "created_at"], "ended_at IS NULL")
    _part(
        "ix_orders_ref", "orders", ["fulfilment", "fulfilment_ref"], "ended_at IS NULL AND fulfilment_ref IS NOT NULL"
    )
    _part("ix_orders_keeping", "orders", ["ended_at"], "ended_at IS NOT NULL AND erased_at IS NULL")
    op.create_index("ix_intents_order", "intents", ["order_id", "at"])
    _part("ix_intents_open", "intents", ["order_id"], "open", unique=True)


def _part(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    here = sa.text("open = 1" if where == "open" else where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=here, postgresql_where=sa.text(where))
