"""Transfers as values: the offer, its acknowledgement, and the notice to the person."""

from datetime import date, datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.errors import DomainError
from kuntavayla.values.calendar import legal_day
from routing_api.errors import ReportedInFuture, ReportedTooEarly

TransferCause = Literal[
    "first_entry", "return", "move", "transfer_request", "register_change", "correction"
]
TransferState = Literal["offered", "acknowledged", "disputed", "withdrawn"]
NoticeChannel = Literal["letter", "e_service", "in_person", "phone"]


class Transfer(Struct, frozen=True, kw_only=True):
    """One change of responsibility, offered to the case system of the municipality.

    `registration_id` names the newest registration, from which the person's data are disclosed;
    `ends_on` is the last day of a withdrawn one.
    """

    transfer_id: str
    client_id: str
    clienthood_version: int
    registration_id: str
    case_system_id: str
    municipality_code: str
    area_code: str
    te_office_code: str
    cause: TransferCause
    effective_on: date
    is_restricted: bool
    state: TransferState
    offered_at: datetime
    acknowledge_due_at: datetime
    notice_due_on: date
    acknowledged_at: datetime | None = None
    taken_over_at: datetime | None = None
    caseworker_id: str | None = None
    contact_point: str | None = None
    notice_id: str | None = None
    notified_at: datetime | None = None
    notice_channel: str | None = None
    notice_language_code: str | None = None
    notice_template: str | None = None
    ends_on: date | None = None

    def is_held(self, *, on: date) -> bool:
        """Say whether the case system is responsible on a day or will be.

        A withdrawn transfer is held until its last day; one that was withdrawn before its first day
        never counted.
        """
        if self.state != "withdrawn":
            return True
        return self.ends_on is not None and self.ends_on >= max(on, self.effective_on)

    def is_overdue(self, *, now: datetime) -> bool:
        """Say whether the case system has let the time to acknowledge pass."""
        return self.state == "offered" and self.acknowledge_due_at < now


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """The case system has taken a client over."""

    transfer_id: str
    taken_over_at: datetime
    caseworker_id: str | None
    contact_point: str | None

    def says_the_same_as(self, transfer: Transfer) -> bool:
        """Say whether a transfer already holds this acknowledgement.

        The time does not tell two apart: a case system that repeats after a crash has lost it, and
        the first one stands.
        """
        return (
            transfer.caseworker_id == self.caseworker_id
            and transfer.contact_point == self.contact_point
        )

    def repeats(self, other: "Acknowledgement") -> bool:
        """Say whether two acknowledgements of the same transfer tell the same, save the time."""
        return replace(self, taken_over_at=other.taken_over_at) == other


class Notice(Struct, frozen=True, kw_only=True):
    """The person was told of a transfer: when, by which channel, in which language."""

    transfer_id: str
    notice_id: str
    notified_at: datetime
    channel: NoticeChannel
    language_code: str
    template: str | None

    def says_the_same_as(self, transfer: Transfer) -> bool:
        """Say whether a transfer already holds this notice."""
        return (
            transfer.notified_at == self.notified_at
            and transfer.notice_channel == self.channel
            and transfer.notice_language_code == self.language_code
            and transfer.notice_template == self.template
        )

    def repeats(self, other: "Notice") -> bool:
        """Say whether two notices tell the same of the same transfer."""
        return replace(self, notice_id=other.notice_id) == other


class ReportBounds(Struct, frozen=True, kw_only=True):
    """How far what is reported of a transfer may lie from it and from now; settings, not law.

    `ahead_s_max` allows for clocks that differ, `notice_days_before_max` for persons who are told
    before their registration is sent.
    """

    ahead_s_max: int
    notice_days_before_max: int

    def refusal_of_take_over(
        self, transfer: Transfer, at: datetime, *, now: datetime
    ) -> DomainError | None:
        """Return why a client was not taken over at an instant, or None.

        It is possible from the day of the offer on and, where the responsibility began before
        that day, from its first day on.
        """
        earliest_on = min(legal_day(transfer.offered_at), transfer.effective_on)
        return self._refusal(at, earliest_on=earliest_on, now=now)

    def refusal_of_notice(
        self, transfer: Transfer, at: datetime, *, now: datetime
    ) -> DomainError | None:
        """Return why a person was not told of a transfer at an instant, or None.

        Nobody can know of a transfer earlier than it could be decided ahead of its day.
        """
        earliest_on = transfer.effective_on - timedelta(days=self.notice_days_before_max)
        return self._refusal(at, earliest_on=earliest_on, now=now)

    def _refusal(self, at: datetime, *, earliest_on: date, now: datetime) -> DomainError | None:
        if at > now + timedelta(seconds=self.ahead_s_max):
            return ReportedInFuture(ahead_s_max=self.ahead_s_max)
        if legal_day(at) < earliest_on:
            return ReportedTooEarly(earliest_on=earliest_on.isoformat())
        return None


class TransferFilter(Struct, frozen=True, kw_only=True):
    """Which transfers are asked for; what is None or False does not filter."""

    case_system_id: str | None = None
    te_office_code: str | None = None
    state: str | None = None
    overdue_at: datetime | None = None
    is_without_notice: bool = False
    may_see_restricted: bool = False
