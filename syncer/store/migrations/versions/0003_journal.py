"""The journal: what happened to the service and to the store itself."""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import ID, UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Brings the store forward."""
    op.create_table(
        "journal",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
