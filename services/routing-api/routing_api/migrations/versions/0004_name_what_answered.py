"""Name the decision that answered a registration, and keep the names that it told"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("registrations", sa.Column("decision_id", sa.Uuid(), nullable=True))
    op.add_column(
        "decisions", sa.Column("names", postgresql.JSON(astext_type=sa.Text()), nullable=True)
    )
    op.execute("""
        UPDATE registrations SET decision_id = first.decision_id
        FROM (
          SELECT DISTINCT ON (registration_id) registration_id, decision_id
          FROM decisions ORDER BY registration_id, decided_at, decision_id
        ) AS first
        WHERE first.registration_id = registrations.registration_id
    """)
