"""${message}"""

import sqlalchemy as sa
from alembic import op

from syncer.store.tables import UtcDateTime

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Brings the store forward."""
    ${upgrades}
