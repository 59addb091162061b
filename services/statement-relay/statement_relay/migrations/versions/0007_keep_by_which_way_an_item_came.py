"""Keep by which way an item came"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "information",
        sa.Column("is_by_topic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
