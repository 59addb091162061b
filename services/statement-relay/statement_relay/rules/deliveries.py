"""One call to a receiver: what is put, what came of it, and what becomes of the item by that."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from msgspec import Struct

from statement_relay.rules.answers import Answer, Receipt, Verdict
from statement_relay.rules.breakers import CLOSED, Breaker, BreakerLimits, after_failure, held
from statement_relay.rules.clocks import BusinessHours, next_working_day_at
from statement_relay.rules.pacing import Backoff, wait_s
from statement_relay.rules.states import DeliveryState, InformationState, NoteAction

STATE_AFTER: dict[str, InformationState] = {
    "delivered": "delivered",
    "never": "rejected",
    "human": "parked",
    "receipt_follows": "awaiting_receipt",
}
"""What an item is after the actions that end its trying."""
CUT_OFF = "cut_off"
"""The outcome of an attempt that nobody settled before its lease ran out."""
SETTLING_REFUSED = "settling_refused"
"""Why an item is parked whose outcome the database does not take."""
REPEATS_AT_ONCE_MAX = 3
"""What is to be repeated at once waits like anything else from this attempt on."""
HOLDS_RECEIVER = frozenset({429, 503})
"""With these statuses `Retry-After` is about the receiver, and not one item. RFC 9110, 15.6.4."""


class Pace(Struct, frozen=True, kw_only=True):
    """How a service delivers: settings.

    A call takes at most half a lease, so that a lease has not run out when its call ends. A claim
    that lies ready may take a place so long after a turn that found nothing against it: `calm_s`.
    No more lie ready than calls have ended within `lately_s`, nor much longer. `opens` is when the
    next working day begins for a receiver without hours.
    """

    lease_s: float = 60.0
    call_s_max: float = 30.0
    calm_s: float = 0.25
    lately_s: float = 1.0
    breaker: BreakerLimits = BreakerLimits()
    backoff: Backoff = Backoff()
    opens: time = time(8)


class Delivery(Struct, frozen=True, kw_only=True):
    """The head of a queue under a lease: these bytes are put now, as the n-th attempt.

    The lease's token is the id of the request, so that of an attempt whose courier was killed the
    id is known.
    """

    receiver_id: str
    client_id: str
    lease_token: str
    information_id: str
    attempt: int
    body: bytes
    digest: str
    official_id: str


class Called(Struct, frozen=True, kw_only=True):
    """A call that has ended, with its verdict; times are those of the edge's clock."""

    delivery: Delivery
    request_id: str
    started_at: datetime
    ended_at: datetime
    answer: Answer
    verdict: Verdict

    @property
    def counts_against(self) -> bool:
        """Tell whether the receiver's breaker counts the call: its own fault, or no answer."""
        return self.verdict.is_receivers_fault or self.answer.failure is not None

    @property
    def hold_s(self) -> int | None:
        """Return how long the receiver wants no calls at all, where it says so."""
        return self.answer.retry_after_s if self.answer.status in HOLDS_RECEIVER else None


class Tracked(Struct, frozen=True, kw_only=True):
    """What may be told of an item: whose it is, about whom, and to whom it goes."""

    information_id: str
    root_information_id: str
    organisation: str
    municipal_id: str
    client_id: str
    receiver_id: str
    is_restricted: bool


class Fate(Struct, frozen=True, kw_only=True):
    """What becomes of an item, and of its queue: blocked, or its head due after some seconds."""

    state: InformationState
    code: str | None
    is_blocked: bool = False
    wait_s: float = 0.0


def breaker_after(
    breaker: Breaker, ended: Sequence[Called], *, now: datetime, pace: Pace
) -> Breaker:
    """Return a receiver's breaker after calls, given in the order in which they ended.

    What succeeds while it is open was begun before: how long the receiver is left alone stands.
    """
    for called in ended:
        if called.hold_s:
            breaker = held(breaker, now=now, seconds=called.hold_s)
        elif called.counts_against:
            breaker = after_failure(breaker, now=now, limits=pace.breaker)
        elif breaker.state != "open":
            breaker = CLOSED
    return breaker


def fate_of(
    called: Called, *, pace: Pace, hours: BusinessHours | None, draw: float, legal_now: datetime
) -> Fate:
    """Return what becomes of the item of a call."""
    code = called.verdict.code
    match called.verdict.action:
        case "delivered" | "never" | "human" | "receipt_follows" as action:
            return Fate(
                state=STATE_AFTER[action],
                code=None if action == "delivered" else code,
                is_blocked=action in {"human", "receipt_follows"},
            )
        case "next_working_day":
            opens_at = next_working_day_at(hours, now=legal_now, opens=pace.opens)
            seconds = (opens_at - legal_now).total_seconds()
            return Fate(state="waiting", code=code, wait_s=seconds)
        case "now" | "wait":
            seconds = _wait_s(called, draw=draw, backoff=pace.backoff)
            return Fate(state="waiting", code=code, wait_s=seconds)


def _wait_s(called: Called, *, draw: float, backoff: Backoff) -> float:
    attempt, asked_s = called.delivery.attempt, called.answer.retry_after_s or 0
    if called.verdict.action == "now" and attempt < REPEATS_AT_ONCE_MAX:
        return asked_s
    return max(wait_s(attempt, draw=draw, backoff=backoff), asked_s)


def shortened(fate: Fate, called: Called, breaker: Breaker, *, now: datetime) -> Fate:
    """Return the fate where an open breaker is what an item waits for, and not its own attempts.

    Without it an item that was a probe many times in a long outage would come long after the
    others.
    """
    if breaker.until is None or not called.counts_against or called.answer.retry_after_s:
        return fate
    left_s = max(0.0, (breaker.until - now).total_seconds())
    return Fate(
        state=fate.state,
        code=fate.code,
        is_blocked=fate.is_blocked,
        wait_s=min(fate.wait_s, left_s),
    )


class Undelivered(Struct, frozen=True, kw_only=True):
    """An item on its way, as an operator sees it."""

    tracked: Tracked
    number: int
    state: InformationState
    state_reason: str | None
    attempts: int
    digest: str
    receipt_id: str | None
    resent_at: datetime | None
    accepted_at: datetime
    deliver_by_at: datetime
    is_leased: bool
    is_head: bool


class DeliveryFilter(Struct, frozen=True, kw_only=True):
    """Which undelivered items are meant; what is None does not narrow."""

    may_see_restricted: bool
    state: InformationState | None = None
    receiver_id: str | None = None
    code: str | None = None
    accepted_before: datetime | None = None


class LateReceipt(Struct, frozen=True, kw_only=True):
    """What a receiver says of an item later than in its answer; a `code` says that it rejects.

    `held_at` is when the receiver was asked for the list in which the receipt stands.
    """

    information_id: str
    digest: str
    receipt: Receipt | None
    code: str | None
    held_at: datetime | None = None


def is_of_before(told: LateReceipt, item: Undelivered) -> bool:
    """Say whether a receipt proves no more than what a receiver held before it lost an item.

    What it has promised for the item sent again is believed, and what it lists since then.
    """
    if told.receipt is None or told.digest != item.digest or item.resent_at is None:
        return False
    if item.state == "awaiting_receipt":
        return False
    if told.held_at is not None:
        return told.held_at < item.resent_at
    return told.receipt.received_at < item.resent_at or told.receipt.receipt_id == item.receipt_id


class DeliverySummary(Struct, frozen=True, kw_only=True):
    """What stands alike at one receiver: how many, since when the oldest."""

    receiver_id: str
    state: DeliveryState
    state_reason: str | None
    count: int
    oldest_at: datetime
    overdue: int


class Late(Struct, frozen=True, kw_only=True):
    """An item that was not delivered in time, or not long before it."""

    tracked: Tracked
    state: InformationState
    deliver_by_at: datetime


class Refused(Struct, frozen=True, kw_only=True):
    """An item whose client has not become known."""

    information_id: str
    organisation: str
    municipal_id: str
    client_id: str
    is_restricted: bool


class Patience(Struct, frozen=True, kw_only=True):
    """How long a client may be unknown and a promised receipt may take: settings."""

    unknown: timedelta
    receipt_working_days: int
    receipt_at: time


class DeliveryNote(Struct, frozen=True, kw_only=True):
    """What an operator or a receiver did to a delivery, and why; with the receipt that was told."""

    note_id: str
    information_id: str
    action: NoteAction
    code: str | None
    reason: str | None
    organisation: str
    official_id: str | None
    noted_at: datetime
    receipt_id: str | None = None
    received_at: datetime | None = None
    receipt_digest: str | None = None
