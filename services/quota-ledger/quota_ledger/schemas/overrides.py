"""Overrides: asked, answered, and as they stand."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from quota_ledger.rules.overrides import Cover
from quota_ledger.rules.states import OverrideState


class AskedResponse(Struct, frozen=True, kw_only=True):
    """An override that is asked for; the ELY centre answers."""

    override_id: str
    decision_id: str
    state: Literal["asked"] = "asked"
    cents: int
    expires_on: date


class AnsweredResponse(Struct, frozen=True, kw_only=True):
    """What came of an override: by an approval the decision is reserved at once.

    `raised_cents` is what was lacking on that day; the entries are that of the override and those
    of the reservation.
    """

    override_id: str
    decision_id: str
    outcome: Literal["approved", "refused"]
    decision_state: Literal["reserved", "refused"]
    raised_cents: int
    entry_ids: Sequence[str]
    reservation_expires_at: datetime | None


class OverrideResponse(Struct, frozen=True, kw_only=True):
    """An override as it stands; no client is named.

    `cents` is the most that was asked for; of what was raised so much was covered, so much came
    back because the decision holds it no more, and `left_cents` is still raised.
    """

    override_id: str
    decision_id: str
    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    budget_year: int
    state: OverrideState
    cents: int
    raised_cents: int
    covered_cents: int
    returned_cents: int
    left_cents: int
    cover: Cover
    expires_on: date
    asked_by: str
    asked_official_id: str
    asked_at: datetime
    answered_by: str | None
    answered_official_id: str | None
    answered_at: datetime | None
    answer_reason: str | None


class OverrideList(Struct, frozen=True):
    """A page of overrides, in the order in which they were asked."""

    items: Sequence[OverrideResponse]
    next_cursor: str | None
