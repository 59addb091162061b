"""Information: what a case system sends, and what it is answered."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.http import Problem
from statement_relay.rules.items import InformationItem
from statement_relay.rules.shape import WithdrawalReason
from statement_relay.rules.states import AcceptedState, Action, InformationState, NoteAction
from statement_relay.rules.stories import NoterRole

InformationRequest = InformationItem
"""The wire type of an item is the domain value itself."""


class IssuerResponse(Struct, frozen=True):
    """Who issues the statement on such a matter of that day, by which rule, and since when."""

    authority: Literal["te_office", "municipality", "employment_area"]
    rule: str
    from_on: date


class AcceptedResponse(Struct, frozen=True, kw_only=True):
    """An item was taken in; a repeat is answered the same."""

    information_id: str
    municipal_id: str
    state: AcceptedState
    issuer: IssuerResponse | None
    receiver_id: str | None
    deliver_by_at: datetime | None
    waiting_behind: str | None
    digest: str | None


class WithdrawalResponse(Struct, frozen=True):
    """Why an item was withdrawn."""

    reason_code: WithdrawalReason
    reason: str


class ProofResponse(Struct, frozen=True, kw_only=True):
    """A receipt as the receiver gave it; one of another digest proves nothing."""

    receipt_id: str
    received_at: datetime
    digest: str


class AttemptResponse(Struct, frozen=True, kw_only=True):
    """One call to the receiver, what came of it, and the receipt that it brought."""

    attempt: int
    request_id: str
    started_at: datetime
    ended_at: datetime
    status: int | None
    outcome: str
    code: str | None
    request_hash: str | None
    receipt: ProofResponse | None


class NoteResponse(Struct, frozen=True, kw_only=True):
    """What was done to the delivery beside the calls, for whom, when, and why.

    An operator retried, skipped or resent it; its receiver said later that it was received,
    rejected, or is other content (`parked`). `code` is the reason in which it stood, or was given.
    """

    action: NoteAction
    code: str | None
    reason: str | None
    organisation: str
    role: NoterRole
    noted_at: datetime
    receipt: ProofResponse | None


class ReceiptResponse(Struct, frozen=True, kw_only=True):
    """The newest proof that the receiver has the item: its digest is that of the bytes sent.

    `request_id` is that of the call which it answered; none where it came later.
    """

    receipt_id: str
    received_at: datetime
    digest: str
    request_id: str | None


class InformationSummary(Struct, frozen=True, kw_only=True):
    """An item in a list: where it stands, without its facts."""

    information_id: str
    municipal_id: str
    organisation: str
    client_id: str
    municipality_code: str
    kind: str
    action: Action
    state: InformationState
    state_reason: str | None
    receiver_id: str | None
    accepted_at: datetime
    deliver_by_at: datetime | None
    settled_at: datetime | None
    flags: tuple[Literal["delayed", "overdue"], ...]


class InformationResponse(InformationSummary, frozen=True, kw_only=True):
    """The whole story of an item: what was told, what it waits for, attempts, notes, the proof."""

    item: InformationItem
    withdrawal: WithdrawalResponse | None
    replaces_information_id: str | None
    replaced_by: str | None
    root_information_id: str
    issuer: IssuerResponse | None
    sequence: int | None
    waiting_behind: str | None
    digest: str | None
    warned_at: datetime | None
    overdue_at: datetime | None
    attempts: tuple[AttemptResponse, ...]
    notes: tuple[NoteResponse, ...]
    receipt: ReceiptResponse | None


class InformationList(Struct, frozen=True):
    """Items, in order of their ids, and where the list goes on."""

    items: list[InformationSummary]
    next_cursor: str | None


class InformationBulkLine(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The outcome of one line of a bulk call."""

    line: int
    key: str | None
    status: int
    result: AcceptedResponse | None = None
    problem: Problem | None = None
    replayed: bool = False
