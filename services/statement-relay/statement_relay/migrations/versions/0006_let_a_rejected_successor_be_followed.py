"""Let a rejected successor be followed, note what is sent again, keep whole lists apart"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A successor that was rejected or refused replaces nothing: the item may have another one.
    op.create_index(
        "ix_information_successor",
        "information",
        ["replaces_information_id"],
        unique=True,
        postgresql_where=sa.text(
            "replaces_information_id IS NOT NULL AND state NOT IN ('rejected', 'refused')"
        ),
    )
    op.create_index(
        "ix_information_replaces",
        "information",
        ["replaces_information_id", "information_id"],
        postgresql_where=sa.text("replaces_information_id IS NOT NULL"),
    )
    op.drop_constraint(
        op.f("uq_information_replaces_information_id"), "information", type_="unique"
    )
    _widen_checks()
    op.add_column(
        "reconciliations",
        sa.Column("is_partial", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "ix_information_requests_overdue",
        "information_requests",
        ["due_at"],
        postgresql_where=sa.text("state = 'open' AND overdue_at IS NOT NULL"),
    )


def _widen_checks() -> None:
    # A queue is locked before it has got its first number.
    op.drop_constraint(op.f("ck_client_queues_numbers_from_one"), "client_queues", type_="check")
    op.create_check_constraint(
        op.f("ck_client_queues_numbers_from_none"), "client_queues", "last_number >= 0"
    )
    op.drop_constraint(op.f("ck_delivery_notes_known_action"), "delivery_notes", type_="check")
    op.create_check_constraint(
        op.f("ck_delivery_notes_known_action"),
        "delivery_notes",
        "action IN ('retried', 'skipped', 'resent', 'received', 'rejected', 'parked')",
    )
