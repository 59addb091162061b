"""An item with all that is known of it, as those concerned see it."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from statement_relay.rules.contents import Content
from statement_relay.rules.issuers import Issuer
from statement_relay.rules.states import Action, InformationState, NoteAction

NoterRole = Literal["operator", "receiver"]
BY_OPERATOR: frozenset[NoteAction] = frozenset({"retried", "skipped", "resent"})
"""What operators do; the rest is what receivers say."""


class Proved(Struct, frozen=True, kw_only=True):
    """What may bring a receipt: its members are told together, or none is."""

    receipt_id: str | None
    received_at: datetime | None
    receipt_digest: str | None


class Attempt(Proved, frozen=True, kw_only=True):
    """One call to a receiver and what came of it."""

    attempt: int
    request_id: str
    started_at: datetime
    ended_at: datetime
    status: int | None
    outcome: str
    code: str | None
    request_hash: str | None


class Note(Proved, frozen=True, kw_only=True):
    """What somebody other than a courier did to the delivery, and why."""

    action: NoteAction
    code: str | None
    reason: str | None
    organisation: str
    noted_at: datetime

    @property
    def role(self) -> NoterRole:
        """Return for whom it was done; officials themselves are not told of."""
        return "operator" if self.action in BY_OPERATOR else "receiver"


class ListedInformation(Struct, frozen=True, kw_only=True):
    """An item in a list."""

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
    warned_at: datetime | None
    overdue_at: datetime | None
    is_restricted: bool


class Story(ListedInformation, frozen=True, kw_only=True):
    """An item with all that is known of it.

    Attempts and notes stand oldest first, the newest 1,000 of each.
    """

    content: Content
    replaces_information_id: str | None
    root_information_id: str
    issuer: Issuer | None
    number: int | None
    digest: str | None
    receipt_id: str | None
    received_at: datetime | None
    receipt_digest: str | None
    delivered_request_id: str | None
    replaced_by: str | None
    waiting_behind: str | None
    version: int
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[Note, ...] = ()


class InformationFilter(Struct, frozen=True, kw_only=True):
    """Which items are asked for; what is None does not filter."""

    organisation: str | None
    may_see_restricted: bool
    state: str | None = None
    client_id: str | None = None
    municipal_id: str | None = None
    flag: str | None = None
