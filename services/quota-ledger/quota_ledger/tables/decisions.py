"""Decisions, what they hold of which account, and their story."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from kuntavayla.database.constraints import instant, one_of
from quota_ledger.rules.accounts import Instrument
from quota_ledger.rules.states import DecisionState, Outcome, StepAction
from quota_ledger.tables.rows import Row, amount, index, text_of_json


class DecisionRow(Row, table=True):
    """A decision as it stands; `municipal_id` is unique for ever in its organisation."""

    __tablename__ = "decisions"
    decision_id: UUID = Field(primary_key=True)
    organisation: str
    municipal_id: str
    fingerprint: bytes
    client_id: UUID
    area_code: str
    municipality_code: str
    instrument: str
    budget_year: int
    service_code: str
    decided_on: date
    starts_on: date
    ends_on: date
    content: dict[str, Any] = text_of_json()
    calculation: dict[str, Any] | None = text_of_json()
    outcome: str
    state: str
    reasons: list[Any] = text_of_json()
    is_restricted: bool
    official_id: str
    expires_at: datetime | None = instant()  # type: ignore[assignment]
    warned_at: datetime | None = instant()  # type: ignore[assignment]
    version: int
    paid_cents: int = amount()
    recovered_cents: int = amount()
    created_at: datetime = instant()  # type: ignore[assignment]
    settled_at: datetime | None = instant()  # type: ignore[assignment]
    __table_args__ = (
        sa.UniqueConstraint("organisation", "municipal_id"),
        one_of("instrument", Instrument),
        one_of("outcome", Outcome),
        one_of("state", DecisionState),
        sa.CheckConstraint("version >= 1", name="version_from_one"),
        sa.CheckConstraint("starts_on <= ends_on", name="period_in_order"),
        sa.CheckConstraint("paid_cents >= 0 AND recovered_cents >= 0", name="sums_from_zero"),
        sa.CheckConstraint("recovered_cents <= paid_cents", name="recovered_was_paid"),
        sa.CheckConstraint("state <> 'reserved' OR expires_at IS NOT NULL", name="reserved_ends"),
        sa.Index("ix_decisions_client_id", "client_id", "decision_id"),
        sa.Index("ix_decisions_state", "state", "decision_id"),
        index("ix_decisions_expires_at", "expires_at", where="state = 'reserved'"),
    )


class DecisionDrawRow(Row, table=True):
    """What a decision holds of one account; `paid_cents` is paid of its commitment there."""

    __tablename__ = "decision_draws"
    decision_id: UUID = Field(primary_key=True, foreign_key="decisions.decision_id")
    account_id: UUID = Field(primary_key=True, foreign_key="accounts.account_id")
    budget_year: int
    reserved_cents: int = amount()
    committed_cents: int = amount()
    paid_cents: int = amount()
    __table_args__ = (
        sa.CheckConstraint(
            "reserved_cents >= 0 AND committed_cents >= 0 AND paid_cents >= 0",
            name="sums_from_zero",
        ),
        sa.CheckConstraint("paid_cents <= committed_cents", name="paid_was_committed"),
        sa.Index("ix_decision_draws_account_id", "account_id"),
    )


class DecisionStepRow(Row, table=True):
    """One step of a decision's story; never changed."""

    __tablename__ = "decision_steps"
    decision_id: UUID = Field(primary_key=True, foreign_key="decisions.decision_id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    action: str
    at: datetime = instant()  # type: ignore[assignment]
    organisation: str
    official_id: str | None
    reason: str | None
    content: dict[str, Any] | None = text_of_json()
    calculation: dict[str, Any] | None = text_of_json()
    entry_ids: list[UUID] = Field(sa_type=ARRAY(sa.Uuid))
    __table_args__ = (
        one_of("action", StepAction),
        sa.CheckConstraint("number >= 1", name="numbers_from_one"),
    )
