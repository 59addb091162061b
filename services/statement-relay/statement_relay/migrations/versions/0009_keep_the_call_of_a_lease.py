"""Keep the call of a lease beside it"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client_queues", sa.Column("claimed_information_id", sa.Uuid(), nullable=True))
    op.add_column("client_queues", sa.Column("claimed_attempt", sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f("ck_client_queues_claim_is_whole"),
        "client_queues",
        "(claimed_information_id IS NULL) = (claimed_attempt IS NULL)",
    )
    op.execute(
        "UPDATE client_queues q"
        " SET claimed_information_id = i.information_id, claimed_attempt = i.attempts"
        " FROM information i WHERE i.receiver_id = q.receiver_id AND i.client_id = q.client_id"
        " AND i.state = 'delivering' AND q.lease_token IS NOT NULL"
    )
