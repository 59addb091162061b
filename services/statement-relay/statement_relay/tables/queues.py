"""Queues, one a receiver and client, and the receivers' own standing."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from kuntavayla.database.constraints import instant, one_of
from statement_relay.rules.states import BreakerState
from statement_relay.tables.rows import Row, index, number


class ClientQueueRow(Row, table=True):
    """The queue of a client's items to one receiver; whoever holds its lease sends its head.

    Acceptance locks the row and takes the next number; a queue of no item yet is at none. Without
    `next_attempt_at` there is nothing to send; a blocked queue has a head that is parked or awaits
    its receipt. `claimed_information_id` and `claimed_attempt` are the call of the newest lease,
    and stay when that has ended.
    """

    __tablename__ = "client_queues"
    receiver_id: str = Field(primary_key=True)
    client_id: UUID = Field(primary_key=True)
    last_number: int = number()  # type: ignore[assignment]
    next_attempt_at: datetime | None = instant()  # type: ignore[assignment]
    is_blocked: bool
    lease_token: UUID | None
    lease_until: datetime | None = instant()  # type: ignore[assignment]
    claimed_information_id: UUID | None
    claimed_attempt: int | None
    __table_args__ = (
        sa.CheckConstraint("last_number >= 0", name="numbers_from_none"),
        sa.CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_has_end"),
        sa.CheckConstraint(
            "(claimed_information_id IS NULL) = (claimed_attempt IS NULL)", name="claim_is_whole"
        ),
        index(
            "ix_client_queues_due",
            "receiver_id",
            "next_attempt_at",
            where="next_attempt_at IS NOT NULL AND NOT is_blocked",
        ),
        index("ix_client_queues_leased", "receiver_id", where="lease_token IS NOT NULL"),
    )


class ReceiverRow(Row, table=True):
    """What all processes agree on about a receiver: pause, breaker, and its rate's window."""

    __tablename__ = "receivers"
    receiver_id: str = Field(primary_key=True)
    is_paused: bool
    pause_reason: str | None
    paused_until: datetime | None = instant()  # type: ignore[assignment]
    paused_by: str | None
    breaker_state: str
    breaker_failures: int
    breaker_until: datetime | None = instant()  # type: ignore[assignment]
    window_started_at: datetime | None = instant()  # type: ignore[assignment]
    window_sent: int
    __table_args__ = (
        one_of("breaker_state", BreakerState),
        sa.CheckConstraint(
            "NOT is_paused OR (pause_reason IS NOT NULL AND paused_by IS NOT NULL)",
            name="paused_has_reason",
        ),
        sa.CheckConstraint("breaker_failures >= 0 AND window_sent >= 0", name="counts_from_none"),
    )
