"""Append decisions at less cost: texts of JSON as they were written, no index that nobody asks

The types change in place: each table is written anew, and stands still meanwhile.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXTS = {
    "decisions": ("content", "calculation", "reasons"),
    "decision_steps": ("content", "calculation"),
}


def upgrade() -> None:
    op.drop_index("ix_decisions_area_code", table_name="decisions")
    op.drop_index("ix_decisions_organisation", table_name="decisions")
    for table, columns in TEXTS.items():
        with op.batch_alter_table(table) as altered:
            for column in columns:
                altered.alter_column(column, type_=sa.JSON(), postgresql_using=f"{column}::json")
