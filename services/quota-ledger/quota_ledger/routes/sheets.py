"""Statements of account and balances as lines of a spreadsheet."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from kuntavayla.http import to_instant_text
from quota_ledger.operations.balances import ShownBalance
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.booked import ListedEntry

_SUMS = Sums.__struct_fields__
_BEFORE = ("position", "entry_id", "kind", "booked_at", "value_on")
_AFTER = ("available_cents_after", "available_persons_after")
_BEHIND = (
    "decision_id",
    "allocation_id",
    "transfer_id",
    "payment_id",
    "override_id",
    "reverses",
    "reversed_by",
    "organisation",
    "official_id",
    "reason",
    "document",
)
OPENING = "opening"
"""The kind of the line that is no entry."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would take a text that begins so for a formula."""


SHEET = (*_BEFORE, *_SUMS, *_AFTER, *_BEHIND)
"""The names of the columns."""


def sheet_of(entries: Sequence[ListedEntry]) -> Iterator[Sequence[object]]:
    """Yield entries line by line."""
    for entry in entries:
        yield (
            entry.position,
            entry.entry_id,
            entry.kind,
            to_instant_text(entry.booked_at),
            entry.value_on.isoformat(),
            *(getattr(entry.change, name) for name in _SUMS),
            entry.after.free_cents,
            entry.after.free_persons,
            *(_harmless(getattr(entry, name)) for name in _BEHIND),
        )


def opening_of(balance: Balance, *, on: date) -> Sequence[object]:
    """Return the line before the first entry: what was in the account by the end of a day."""
    sums = balance.sums
    return (
        None,
        None,
        OPENING,
        None,
        on.isoformat(),
        *(getattr(sums, name) for name in _SUMS),
        sums.free_cents,
        sums.free_persons,
        *(None for _ in _BEHIND),
    )


BALANCES = (
    "account_id",
    "area_code",
    "municipality_code",
    "instrument",
    "budget_year",
    "on",
    *_SUMS,
    "available_cents",
    "available_persons",
    "indicative_cents",
    "indicative_persons",
    "is_lapsed",
    "binds_persons",
    "threshold_told",
)
"""The names of the columns of balances."""


def balances_of(found: Iterable[ShownBalance], *, on: date) -> Iterator[Sequence[object]]:
    """Yield balances of a day line by line."""
    for shown in found:
        balance, indicative = shown.balance, shown.indicative
        key, sums = balance.key, balance.sums
        yield (
            balance.account_id,
            key.area_code,
            key.municipality_code or None,
            key.instrument,
            key.budget_year,
            on.isoformat(),
            *(getattr(sums, name) for name in _SUMS),
            sums.free_cents,
            sums.free_persons,
            indicative.cents,
            indicative.persons,
            str(balance.is_lapsed).lower(),
            str(balance.binds_persons).lower(),
            balance.threshold_told,
        )


def _harmless(text: str | None) -> str | None:
    """Return a text that no spreadsheet takes for a formula."""
    is_formula = text is not None and text.startswith(_FORMULA)
    return f"'{text}" if is_formula else text
