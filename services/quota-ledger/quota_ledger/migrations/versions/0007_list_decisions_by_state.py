"""List decisions by state: an index of it"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_decisions_state", "decisions", ["state", "decision_id"], unique=False)
