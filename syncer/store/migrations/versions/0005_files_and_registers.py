"""Files of orders, each known by its asset's id for good; what was registered in an order system; portals' notices."""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import Plain, UtcDateTime

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Brings the store forward."""
    for name in ("files_due", "register_doubt", "register_due"):
        op.add_column("orders", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("orders", sa.Column("registered_in", sa.String(), nullable=True))
    op.add_column("orders", sa.Column("register_ref", Plain(), nullable=True))
    op.add_column("orders", sa.Column("registers", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "files",
        sa.Column("order_id", ID, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("asset", Plain(), nullable=False),
        sa.Column("name", Plain(), nullable=False),
        sa.Column("called", Plain(), nullable=False),
        sa.Column("category", Plain(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("size", ID, nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("why", Plain(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "asset"),
    )
    op.create_table(
        "notices",
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("key", Plain(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("audience", Plain(), nullable=False),
        sa.Column("sender", Plain(), nullable=False),
        sa.Column("text", Plain(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "key"),
    )
