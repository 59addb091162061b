"""Create the questions of TE offices and the statements that they give"""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

from kuntavayla.database.preparing import grants

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHANGING = (
    "reminded_at",
    "overdue_at",
    "state",
    "answered_at",
    "answer_code",
    "answer_fingerprint",
    "information_ids",
)


def upgrade() -> None:
    _create_requests()
    _create_statements()
    role = context.config.attributes["role"]
    for statement in grants(role, append_only=("information_requests", "statements"), mutable=()):
        op.execute(statement)
    # A question is written once; only its reminders and its answer come later.
    op.execute(f'GRANT UPDATE ({", ".join(CHANGING)}) ON information_requests TO "{role}"')


def _create_requests() -> None:
    op.create_table(
        "information_requests",
        sa.Column("information_request_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("case_system_id", sa.Text(), nullable=False),
        sa.Column("municipality_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("question_code", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remind_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_code", sa.Text(), nullable=True),
        sa.Column("answer_fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("information_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        *_checks_of_requests(),
        sa.PrimaryKeyConstraint("information_request_id", name=op.f("pk_information_requests")),
        sa.UniqueConstraint(
            "organisation", "reference", name=op.f("uq_information_requests_organisation_reference")
        ),
    )
    for name, columns in (
        ("office", ["te_office_code", "information_request_id"]),
        ("system", ["case_system_id", "information_request_id"]),
    ):
        op.create_index(f"ix_information_requests_{name}", "information_requests", columns)
    for name, column, mark in (
        ("to_remind", "remind_at", "reminded_at"),
        ("due", "due_at", "overdue_at"),
    ):
        op.create_index(
            f"ix_information_requests_{name}",
            "information_requests",
            [column],
            postgresql_where=sa.text(f"state = 'open' AND {mark} IS NULL"),
        )


def _checks_of_requests() -> tuple[sa.CheckConstraint, ...]:
    return (
        sa.CheckConstraint(
            "question_code IN ('what_happened', 'was_client_heard', 'send_document',"
            " 'confirm_days', 'other')",
            name=op.f("ck_information_requests_known_question_code"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'answered')", name=op.f("ck_information_requests_known_state")
        ),
        sa.CheckConstraint(
            "answer_code IN ('information_sent', 'nothing_to_tell', 'another_authority')",
            name=op.f("ck_information_requests_known_answer_code"),
        ),
        sa.CheckConstraint(
            "(state = 'answered') = (answered_at IS NOT NULL)"
            " AND (answered_at IS NULL) = (answer_code IS NULL)"
            " AND (answered_at IS NULL) = (answer_fingerprint IS NULL)",
            name=op.f("ck_information_requests_answered_has_answer"),
        ),
    )


def _create_statements() -> None:
    op.create_table(
        "statements",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("te_office_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("outcome_code", sa.Text(), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("information_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.CheckConstraint(
            "outcome_code IN ('no_obstacle', 'reminder', 'waiting_period',"
            " 'employment_obligation', 'not_jobseeker', 'not_unemployed', 'other')",
            name=op.f("ck_statements_known_outcome_code"),
        ),
        sa.PrimaryKeyConstraint("statement_id", name=op.f("pk_statements")),
        sa.UniqueConstraint(
            "organisation", "reference", name=op.f("uq_statements_organisation_reference")
        ),
    )
    op.create_index("ix_statements_client_id", "statements", ["client_id"])
