"""A receiver's breaker: after failures in a row nobody calls but a probe, until one succeeds.

Its times are those of the database, so that all processes agree.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from statement_relay.rules.states import BreakerState

DOUBLINGS_MAX = 16
"""Beyond these a wait has long reached any bound; a count of failures has none."""


class BreakerLimits(Struct, frozen=True, kw_only=True):
    """When a breaker opens and how long it stays so: settings."""

    failures_max: int = 5
    probe_s_first: float = 5.0
    probe_s_max: float = 10.0


class Breaker(Struct, frozen=True):
    """Where a breaker stands; `failures` in a row, those of probes among them."""

    state: BreakerState
    failures: int
    until: datetime | None

    def allows(self, concurrency: int, *, now: datetime) -> int:
        """Return how many calls may run at once: all that else may, none, or the one probe."""
        if self.state == "closed":
            return concurrency
        is_due = self.until is None or self.until <= now
        return min(1, concurrency) if is_due else 0

    def probing(self) -> "Breaker":
        """Return the breaker while calls begin: an open one lets its probe pass."""
        return Breaker("half_open", self.failures, None) if self.state == "open" else self


CLOSED = Breaker("closed", 0, None)


def after_failure(breaker: Breaker, *, now: datetime, limits: BreakerLimits) -> Breaker:
    """Return the breaker after a failure that is the receiver's own.

    It opens for a time that doubles with each failed probe. What ends while it is open was begun
    before and tells nothing new.
    """
    if breaker.state == "open":
        return breaker
    failures = breaker.failures + 1
    if breaker.state == "closed" and failures < limits.failures_max:
        return Breaker("closed", failures, None)
    doublings = min(max(0, failures - limits.failures_max), DOUBLINGS_MAX)
    wait_s = min(limits.probe_s_max, limits.probe_s_first * (1 << doublings))
    return Breaker("open", failures, now + timedelta(seconds=wait_s))


def held(breaker: Breaker, *, now: datetime, seconds: int) -> Breaker:
    """Return the breaker of a receiver that wants to be left alone for so long."""
    until = now + timedelta(seconds=seconds)
    if breaker.until is not None:
        until = max(until, breaker.until)
    return Breaker("open", breaker.failures, until)
