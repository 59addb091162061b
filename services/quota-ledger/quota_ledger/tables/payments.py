"""Payments and recoveries as KEHA reports them, and overrides of a limit."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from kuntavayla.database.constraints import instant, one_of
from quota_ledger.rules.states import OverrideState, PaymentKind, PaymentState
from quota_ledger.tables.rows import Row, amount, document, index


class PaymentRow(Row, table=True):
    """A payment or recovery; `amount_cents` of a recovery is negative. Never changed."""

    __tablename__ = "payments"
    payment_id: UUID = Field(primary_key=True)
    report_id: str
    payer_reference: str = Field(unique=True)
    fingerprint: bytes
    decision_id: UUID | None
    kind: str
    month: date
    amount_cents: int = amount()
    paid_on: date
    reason_code: str | None
    within_cents: int = amount()
    excess_cents: int = amount()
    commitment_left_cents: int | None = amount()
    state: str
    refused_code: str | None
    organisation: str
    official_id: str | None
    booked_at: datetime = instant()  # type: ignore[assignment]
    __table_args__ = (
        one_of("kind", PaymentKind),
        one_of("state", PaymentState),
        sa.CheckConstraint("(kind = 'payment') = (amount_cents > 0)", name="sign_of_kind"),
        sa.CheckConstraint(
            "(state = 'refused') = (refused_code IS NOT NULL)", name="refused_has_code"
        ),
        sa.CheckConstraint(
            "state = 'refused' OR within_cents + excess_cents = amount_cents", name="parts_add_up"
        ),
        sa.Index("ix_payments_decision_id", "decision_id", "payment_id"),
        index("ix_payments_exceeding", "payment_id", where="state = 'exceeds_commitment'"),
        index("ix_payments_refused", "payment_id", where="state = 'refused'"),
    )


class OverrideRow(Row, table=True):
    """An exception for one decision: asked by its area, approved by the ELY centre."""

    __tablename__ = "overrides"
    override_id: UUID = Field(primary_key=True)
    decision_id: UUID = Field(foreign_key="decisions.decision_id")
    account_id: UUID = Field(foreign_key="accounts.account_id")
    cents: int = amount()
    cover: dict[str, Any] = document()
    expires_on: date
    asked_by: str
    asked_official_id: str
    asked_at: datetime = instant()  # type: ignore[assignment]
    answered_by: str | None
    answered_official_id: str | None
    answered_at: datetime | None = instant()  # type: ignore[assignment]
    answer_reason: str | None
    state: str
    raised_cents: int = amount()
    covered_cents: int = amount()
    returned_cents: int = amount()
    __table_args__ = (
        one_of("state", OverrideState),
        sa.CheckConstraint("cents >= 1", name="cents_from_one"),
        sa.CheckConstraint("raised_cents BETWEEN 0 AND cents", name="raised_in_bounds"),
        sa.CheckConstraint(
            "covered_cents >= 0 AND returned_cents >= 0"
            " AND covered_cents + returned_cents <= raised_cents",
            name="covered_in_bounds",
        ),
        sa.CheckConstraint("asked_official_id <> answered_official_id", name="two_officials"),
        sa.CheckConstraint("asked_by <> answered_by", name="two_organisations"),
        sa.Index("ix_overrides_decision_id", "decision_id"),
        sa.Index(
            "uq_overrides_one_asked",
            "decision_id",
            unique=True,
            postgresql_where=sa.text("state = 'asked'"),
        ),
        index(
            "ix_overrides_expires_on",
            "expires_on",
            where="state IN ('asked', 'approved', 'partly_covered')",
        ),
        index(
            "ix_overrides_uncovered",
            "account_id",
            "override_id",
            where="state IN ('approved', 'partly_covered', 'uncovered')",
        ),
    )
