"""What an order waits for that another party must do, and how much of its result its portal has been given."""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import Plain, UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Brings the store forward."""
    op.add_column("orders", sa.Column("awaits", Plain(), nullable=True))
    op.add_column("orders", sa.Column("awaits_until", UtcDateTime(), nullable=True))
    op.add_column("orders", sa.Column("given", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("given_all", sa.Boolean(), nullable=False, server_default=sa.false()))
