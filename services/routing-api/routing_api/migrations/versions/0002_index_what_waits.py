"""Index the transfers that wait for an acknowledgement or a notice"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_transfers_offered_due",
        "transfers",
        ["acknowledge_due_at"],
        postgresql_where=sa.text("state = 'offered'"),
    )
    op.create_index(
        "ix_transfers_without_notice",
        "transfers",
        ["te_office_code", "transfer_id"],
        postgresql_where=sa.text("notice_id IS NULL AND state <> 'withdrawn'"),
    )
