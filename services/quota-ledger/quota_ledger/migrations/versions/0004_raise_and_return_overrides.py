"""Raise and return overrides: who answered and why, how much was raised and fell back"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATES = "'asked', 'approved', 'refused', 'partly_covered', 'covered'"
RENAMED = ("by", "official_id", "at")


def upgrade() -> None:
    for name in RENAMED:
        op.alter_column("overrides", f"approved_{name}", new_column_name=f"answered_{name}")
    op.add_column("overrides", sa.Column("answer_reason", sa.Text(), nullable=True))
    for name in ("raised_cents", "returned_cents"):
        column = sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        op.add_column("overrides", column)
        op.alter_column("overrides", name, server_default=None)
    op.drop_constraint("ck_overrides_covered_in_bounds", "overrides")
    op.drop_constraint("ck_overrides_known_state", "overrides")
    _check("known_state", f"state IN ({STATES}, 'returned', 'expired', 'uncovered')")
    _check("raised_in_bounds", "raised_cents BETWEEN 0 AND cents")
    _check(
        "covered_in_bounds",
        "covered_cents >= 0 AND returned_cents >= 0"
        " AND covered_cents + returned_cents <= raised_cents",
    )
    _check("two_organisations", "asked_by <> answered_by")
    op.create_index(
        "uq_overrides_one_asked",
        "overrides",
        ["decision_id"],
        unique=True,
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_index(
        "ix_overrides_expires_on",
        "overrides",
        ["expires_on"],
        unique=False,
        postgresql_where=sa.text("state IN ('asked', 'approved', 'partly_covered')"),
    )


def _check(name: str, condition: str) -> None:
    op.create_check_constraint(op.f(f"ck_overrides_{name}"), "overrides", condition)
