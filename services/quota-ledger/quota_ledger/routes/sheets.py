"""Statements of account as CSV for a spreadsheet (RFC 4180)."""

import csv
import io
from collections.abc import Sequence

from kuntavayla.http import to_instant_text
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.booked import ListedEntry

_SUMS = Sums.__struct_fields__
_BEFORE = ("position", "entry_id", "kind", "booked_at", "value_on")
_BEHIND = (
    "available_cents_after",
    "available_persons_after",
    "decision_id",
    "allocation_id",
    "transfer_id",
    "payment_id",
    "override_id",
    "reverses",
    "organisation",
    "official_id",
    "reason",
    "document",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would take a text that begins so for a formula."""


def sheet_of(entries: Sequence[ListedEntry]) -> str:
    """Return entries line by line under their names."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow([*_BEFORE, *_SUMS, *_BEHIND])
    for entry in entries:
        told = [getattr(entry, name) for name in _BEHIND[2:]]
        writer.writerow(
            [
                entry.position,
                entry.entry_id,
                entry.kind,
                to_instant_text(entry.booked_at),
                entry.value_on.isoformat(),
                *(getattr(entry.change, name) for name in _SUMS),
                entry.after.free_cents,
                entry.after.free_persons,
                *(_harmless(text) for text in told),
            ]
        )
    return sheet.getvalue()


def _harmless(text: str | None) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA) else text
