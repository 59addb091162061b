"""Check that columns of closed lists hold nothing else"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REVIEW_REASONS = (
    "'entitlement_unknown', 'citizenship_unknown', 'mother_tongue_unknown', 'short_week',"
    " 'membership_unconfirmed', 'municipality_not_valid', 'home_protected'"
)
LISTS = {
    ("audit", "official_role"): "'caseworker', 'decider', 'import', 'operator', 'auditor'",
    ("audit", "purpose"): "'client_service', 'statement', 'quota_decision', 'supervision'",
    ("decisions", "cause"): "'first_entry', 'return', 'move', 'update'",
    ("decisions", "authority"): "'municipality', 'te_office'",
    ("decisions", "review_reason"): REVIEW_REASONS,
    ("transfers", "cause"): (
        "'first_entry', 'return', 'move', 'transfer_request', 'register_change', 'correction'"
    ),
    ("transfers", "notice_channel"): "'letter', 'e_service', 'in_person', 'phone'",
    ("reviews", "reason"): REVIEW_REASONS,
    ("reviews", "outcome"): "'municipality', 'te_office', 'review'",
    ("register_changes", "kind"): "'confirm_memberships'",
}


def upgrade() -> None:
    for (table, column), listed in LISTS.items():
        name = op.f(f"ck_{table}_known_{column}")
        op.create_check_constraint(name, table, f"{column} IN ({listed})")
