"""Overrides: an exception for one decision, asked by its area, approved by the ELY centre; pure.

What is raised falls back: when its cover is booked, or when the decision lets its money go.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.errors import Fault
from kuntavayla.values.codes import Id
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.allocations import Reason
from quota_ledger.rules.amounts import CentsAboveZero
from quota_ledger.rules.balances import Balance
from quota_ledger.rules.states import OverrideState

CoverKind = Literal["addition", "transfer"]
Answer = Literal["approved", "refused"]
STANDING: tuple[OverrideState, ...] = ("approved", "partly_covered", "uncovered")
"""States in which some of what was raised is still to be covered."""


class Cover(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By what, and when, the ELY centre is expected to cover an override."""

    kind: CoverKind
    expected_on: date
    reason: Reason


class OverrideRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An exception asked for a decision that was refused for want of money.

    `amount_cents` is the most that may be raised; by `expires_on` the cover has come.
    """

    decision_id: Id
    amount_cents: CentsAboveZero
    cover: Cover
    expires_on: date
    acting_official: ActingOfficial | None = None

    def faults(self, *, today: date) -> Iterator[Fault]:
        """Yield what is wrong with the request in itself."""
        yield from _text_faults("/cover/reason", self.cover.reason)
        if self.cover.expected_on < today:
            yield Fault("/cover/expected_on", "day_past", "Give a day that has not gone by.")
        if self.expires_on < self.cover.expected_on:
            advice = "Give the day on which the cover is expected, or a later one."
            yield Fault("/expires_on", "expires_before_cover", advice)


class ApprovalRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ELY centre approves or refuses, and says why."""

    reason: Reason
    acting_official: ActingOfficial | None = None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the answer in itself."""
        yield from _text_faults("/reason", self.reason)


class Override(Struct, frozen=True, kw_only=True):
    """An override as it stands.

    Of `raised_cents` so much was covered, so much was returned by the decision, the rest is left.
    """

    override_id: str
    decision_id: str
    account_id: str
    cents: int
    cover: Cover
    expires_on: date
    asked_by: str
    asked_official_id: str
    asked_at: datetime
    answered_by: str | None = None
    answered_official_id: str | None = None
    answered_at: datetime | None = None
    answer_reason: str | None = None
    state: OverrideState
    raised_cents: int = 0
    covered_cents: int = 0
    returned_cents: int = 0

    @property
    def left_cents(self) -> int:
        """Return what is still raised."""
        return self.raised_cents - self.covered_cents - self.returned_cents

    def is_past(self, today: date) -> bool:
        """Say whether its last legal day has ended."""
        return self.expires_on < today


class FoundOverride(Struct, frozen=True, kw_only=True):
    """An override, what its account is of, and whether its decision is of a restricted client."""

    override: Override
    key: AccountKey
    is_restricted: bool


class OverrideFilter(Struct, frozen=True, kw_only=True):
    """Which overrides are asked for, and which of them may be seen; None stands for all."""

    area_codes: Sequence[str] | None = None
    may_see_restricted: bool = False
    state: OverrideState | None = None

    def admits(self, found: FoundOverride) -> bool:
        """Say whether the reader may see an override."""
        is_of_area = self.area_codes is None or found.key.area_code in self.area_codes
        return is_of_area and (self.may_see_restricted or not found.is_restricted)


def covered(override: Override, cents: int) -> Override:
    """Return an override behind the arrival of a cover of so much."""
    return _settled(replace(override, covered_cents=override.covered_cents + cents))


def returned(override: Override, cents: int) -> Override:
    """Return an override behind the return of so much that the decision holds no more."""
    return _settled(replace(override, returned_cents=override.returned_cents + cents))


def approved(override: Override, *, raised_cents: int) -> Override:
    """Return an override that is approved; where nothing was lacking it needs no cover."""
    state: OverrideState = "approved" if raised_cents else "covered"
    return replace(override, state=state, raised_cents=raised_cents)


def ended(override: Override) -> Override:
    """Return an override behind its last day."""
    if override.state == "asked":
        return replace(override, state="expired")
    return replace(override, state="uncovered") if override.left_cents else override


def _settled(override: Override) -> Override:
    state: OverrideState = override.state
    if not override.left_cents:
        state = "covered" if override.covered_cents else "returned"
    elif state != "uncovered" and override.covered_cents:
        state = "partly_covered"
    return replace(override, state=state)


def lacking_cents(needed_cents: int, balances: Sequence[Balance]) -> int:
    """Return what an account must be raised by so that accounts together give what is needed.

    The last of them is the one that is raised; what payments took above its limit counts too.
    """
    free = sum(max(0, one.sums.free_cents) for one in balances)
    lacking = needed_cents - free
    return lacking + max(0, -balances[-1].sums.free_cents) if lacking > 0 else 0


def _text_faults(pointer: str, text: str) -> Iterator[Fault]:
    if holds_identity_code(text):
        advice = "Give a text that holds no personal identity code."
        yield Fault(pointer, "text_holds_identity_code", advice)
