"""What portals say unasked: which of their orders is called by which reference of ours; their notices by time."""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import Plain, UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Brings the store forward."""
    op.create_table(
        "pushes",
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("reference", Plain(), nullable=False),
        sa.Column("external_id", Plain(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "reference", "external_id"),
    )
    op.create_index("ix_notices_at", "notices", ["at"])
