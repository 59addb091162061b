"""The lapse of a year."""

from collections.abc import Sequence

from msgspec import Struct


class LapsedAccountResponse(Struct, frozen=True, kw_only=True):
    """What lapses in an account; `entry_id` is null in a preview, and where nothing was free."""

    account_id: str
    area_code: str
    municipality_code: str | None
    instrument: str
    cents: int
    persons: int
    entry_id: str | None


class LapsePreview(Struct, frozen=True, kw_only=True):
    """What would lapse."""

    budget_year: int
    cents: int
    persons: int
    accounts: Sequence[LapsedAccountResponse]


class LapseResponse(LapsePreview, frozen=True, kw_only=True):
    """What lapsed, account by account; those that were closed before are not among them."""

    lapse_id: str
