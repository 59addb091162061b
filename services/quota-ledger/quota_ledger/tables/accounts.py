"""Accounts with their balances, the entries that made them, and who is counted in them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from kuntavayla.database.constraints import instant, one_of
from quota_ledger.rules.accounts import Instrument
from quota_ledger.rules.entries import EntryKind
from quota_ledger.tables.rows import Row, amount, document, index

SUMS = (
    "allocated_cents",
    "overridden_cents",
    "reserved_cents",
    "committed_cents",
    "paid_cents",
    "paid_excess_cents",
    "lapsed_cents",
    "allocated_persons",
    "reserved_persons",
    "committed_persons",
)
_EACH_FROM_ZERO = " AND ".join(f"{name} >= 0" for name in SUMS)


class AccountRow(Row, table=True):
    """One account and its balance after the entry at `last_position`.

    `paid_cents` is all that was paid, net of recoveries; it frees and binds nothing.
    `paid_excess_cents` of it lies above the commitments. `threshold_told` is the share of use, in
    per cent, that was told last.
    """

    __tablename__ = "accounts"
    account_id: UUID = Field(primary_key=True)
    area_code: str
    municipality_code: str
    instrument: str
    budget_year: int
    binds_persons: bool
    allocated_cents: int = amount()
    overridden_cents: int = amount()
    reserved_cents: int = amount()
    committed_cents: int = amount()
    paid_cents: int = amount()
    paid_excess_cents: int = amount()
    lapsed_cents: int = amount()
    allocated_persons: int
    reserved_persons: int
    committed_persons: int
    last_position: int = amount()
    threshold_told: int = Field(sa_type=sa.SmallInteger)
    is_lapsed: bool
    __table_args__ = (
        sa.UniqueConstraint("area_code", "municipality_code", "instrument", "budget_year"),
        one_of("instrument", Instrument),
        sa.CheckConstraint(_EACH_FROM_ZERO, name="sums_from_zero"),
        sa.CheckConstraint(
            "reserved_cents + committed_cents <= allocated_cents + overridden_cents",
            name="never_overdrawn",
        ),
        sa.CheckConstraint(
            "NOT binds_persons OR reserved_persons + committed_persons <= allocated_persons",
            name="never_too_many_persons",
        ),
        sa.CheckConstraint("paid_excess_cents <= paid_cents", name="excess_was_paid"),
    )


class EntryRow(Row, table=True):
    """One change of an account, and its balance behind it; never changed.

    `value_on` is the day for which it counts, `booked_at` when it became known. No foreign key
    leads to the account: the engine holds its lock and no account ever goes, so a check of each row
    would be work for nothing on the hottest path.
    """

    __tablename__ = "entries"
    account_id: UUID = Field(primary_key=True)
    position: int = amount(primary_key=True)
    entry_id: UUID = Field(unique=True)
    kind: str
    booked_at: datetime = instant()  # type: ignore[assignment]
    value_on: date
    allocated_cents: int = amount()
    overridden_cents: int = amount()
    reserved_cents: int = amount()
    committed_cents: int = amount()
    paid_cents: int = amount()
    paid_excess_cents: int = amount()
    lapsed_cents: int = amount()
    allocated_persons: int
    reserved_persons: int
    committed_persons: int
    allocated_cents_after: int = amount()
    overridden_cents_after: int = amount()
    reserved_cents_after: int = amount()
    committed_cents_after: int = amount()
    paid_cents_after: int = amount()
    paid_excess_cents_after: int = amount()
    lapsed_cents_after: int = amount()
    allocated_persons_after: int
    reserved_persons_after: int
    committed_persons_after: int
    client_id: UUID | None
    decision_id: UUID | None
    allocation_id: UUID | None
    transfer_id: UUID | None
    payment_id: UUID | None
    override_id: UUID | None
    reverses: UUID | None = Field(foreign_key="entries.entry_id")
    organisation: str
    official_id: str | None
    reason: str | None
    document: str | None
    __table_args__ = (
        one_of("kind", EntryKind),
        sa.CheckConstraint("position >= 1", name="positions_from_one"),
        sa.CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal_of_what"),
        sa.Index(
            "uq_entries_reverses",
            "reverses",
            unique=True,
            postgresql_where=sa.text("reverses IS NOT NULL"),
        ),
        index("ix_entries_decision_id", "decision_id", where="decision_id IS NOT NULL"),
    )


class AccountClientRow(Row, table=True):
    """How many decisions hold money of an account for a client, who counts as one person in it."""

    __tablename__ = "account_clients"
    account_id: UUID = Field(primary_key=True)
    client_id: UUID = Field(primary_key=True)
    reserved_holds: int
    committed_holds: int
    __table_args__ = (
        sa.CheckConstraint("reserved_holds >= 0 AND committed_holds >= 0", name="holds_from_zero"),
    )


class SnapshotRow(Row, table=True):
    """The sums of an account's entries up to the end of a month, so that no sum grows for ever."""

    __tablename__ = "snapshots"
    account_id: UUID = Field(primary_key=True, foreign_key="accounts.account_id")
    month_end: date = Field(primary_key=True)
    position: int = amount()
    sums: dict[str, Any] = document()
    made_at: datetime = instant()  # type: ignore[assignment]
