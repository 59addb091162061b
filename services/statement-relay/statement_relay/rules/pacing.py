"""How fast a receiver is called, and how long an item waits before its next attempt."""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from statement_relay.rules.breakers import CLOSED, Breaker
from statement_relay.rules.clocks import is_open
from statement_relay.rules.endpoints import Endpoint

WINDOW = timedelta(seconds=1)
"""A rate is counted in windows of this length."""
DOUBLINGS_MAX = 16


class Backoff(Struct, frozen=True, kw_only=True):
    """The wait between two attempts: doubling from the first, never above the longest; settings."""

    first_s: float = 1.0
    longest_s: float = 600.0


class Standing(Struct, frozen=True, kw_only=True):
    """Where a receiver stands, as all processes see it; `leased` are queues whose leases run."""

    receiver_id: str
    is_paused: bool
    paused_until: datetime | None
    breaker: Breaker
    window_started_at: datetime | None
    window_sent: int
    leased: int = 0

    def is_held(self, *, now: datetime) -> bool:
        """Tell whether an operator holds the receiver back at this legal time."""
        return self.is_paused and (self.paused_until is None or now < self.paused_until)


class ReceiverPause(Struct, frozen=True, kw_only=True):
    """Why a receiver is sent nothing, by whom and until when."""

    reason: str
    until: datetime | None
    paused_by: str


class ReceiverFigures(Struct, frozen=True, kw_only=True):
    """A receiver, and what is on its way to it."""

    standing: Standing
    pause: ReceiverPause | None
    waiting: int
    delivering: int
    awaiting_receipt: int
    parked: int
    oldest_at: datetime | None


def wait_s(attempts: int, *, draw: float, backoff: Backoff) -> float:
    """Return the wait after so many attempts: anything up to the doubled time, as `draw` falls.

    `draw` lies in [0, 1). Spreading over the whole time keeps many items from coming back at once.
    """
    doubled = backoff.first_s * (1 << min(max(0, attempts - 1), DOUBLINGS_MAX))
    return draw * min(backoff.longest_s, doubled)


class Room(Struct, frozen=True):
    """How many claims may be made, and how many calls may run at once, those that run too.

    Of the claims so many may lie ready for the places of calls that end: `ready`.
    """

    claims: int
    at_once: int
    ready: int = 0

    def is_calm(self, *, running: int) -> bool:
        """Tell whether claims may take places of calls: not of those that are too many by now."""
        return self.ready > 0 and running <= self.at_once


def room_of(
    standing: Standing, endpoint: Endpoint, *, now: datetime, legal_now: datetime
) -> Room | None:
    """Return how many more calls to a receiver may begin now; None where none may.

    As many claims as calls may lie ready, where nothing limits a receiver but its concurrency and
    no call has failed since the last that succeeded: what begins later than it was claimed goes by
    what held then.

    `now` is the database's, by which leases, breaker and rate go; the pause's end and office hours
    go by `legal_now`.
    """
    if standing.is_held(now=legal_now) or not is_open(endpoint.hours, now=legal_now):
        return None
    at_once = standing.breaker.allows(endpoint.concurrency, now=now)
    if endpoint.rate_per_s is None:
        ready = at_once if standing.breaker == CLOSED else 0
        return Room(at_once + ready, at_once, ready) if at_once > 0 else None
    claims = min(at_once, endpoint.rate_per_s - sent_in_window(standing, now=now))
    return Room(claims, at_once) if claims > 0 else None


def sent_in_window(standing: Standing, *, now: datetime) -> int:
    """Return how many calls began in the window that runs."""
    return standing.window_sent if _runs(standing, now=now) else 0


def after_sending(standing: Standing, endpoint: Endpoint, count: int, *, now: datetime) -> Standing:
    """Return the standing once so many more calls have begun; a window counts only for a rate."""
    sent = replace(standing, breaker=standing.breaker.probing())
    if endpoint.rate_per_s is None:
        return sent
    started_at = standing.window_started_at if _runs(standing, now=now) else now
    sent_before = sent_in_window(standing, now=now)
    return replace(sent, window_started_at=started_at, window_sent=sent_before + count)


def may_be_called_at(standing: Standing, endpoint: Endpoint, *, now: datetime) -> datetime | None:
    """Return when breaker or rate let a receiver be called again, where one of them holds it."""
    if standing.breaker.until is not None and standing.breaker.until > now:
        return standing.breaker.until
    started_at = standing.window_started_at
    is_limited = endpoint.rate_per_s is not None and _runs(standing, now=now)
    if is_limited and started_at is not None and standing.window_sent >= (endpoint.rate_per_s or 0):
        return started_at + WINDOW
    return None


def _runs(standing: Standing, *, now: datetime) -> bool:
    started_at = standing.window_started_at
    return started_at is not None and now < started_at + WINDOW


Draw = Callable[[], float]
"""Draws a number of [0, 1); made at the edge."""
