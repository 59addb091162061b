"""Statements of account as lines of a spreadsheet."""

from collections.abc import Iterator, Sequence

from kuntavayla.http import to_instant_text
from quota_ledger.rules.balances import Sums
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


def _harmless(text: str | None) -> str | None:
    """Return a text that no spreadsheet takes for a formula."""
    is_formula = text is not None and text.startswith(_FORMULA)
    return f"'{text}" if is_formula else text
