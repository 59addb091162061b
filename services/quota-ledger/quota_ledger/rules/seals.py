"""Entries and the digests that the sealed audit keeps of them.

Each batch leaves one line per account in the audit: which positions it booked, and a digest of all
that those entries say. The audit's blocks are signed, so the entries are proved with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from quota_ledger.rules.balances import Sums
from quota_ledger.rules.booked import Entry

ACTION = "entries.booked"
"""The action of the audit's lines that seal entries."""
ALGORITHM = "sha256"
_SUMS = Sums.__struct_fields__
FIELDS = (
    "account_id",
    "position",
    "entry_id",
    "kind",
    "booked_at",
    "value_on",
    *_SUMS,
    *(f"{name}_after" for name in _SUMS),
    "client_id",
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
"""What a digest covers, in this order; it is a change of the form to add to them."""
_read = attrgetter(
    "balance.account_id",
    "balance.last_position",
    "entry_id",
    "kind",
    "booked_at",
    "refs.value_on",
    *(f"change.{name}" for name in _SUMS),
    *(f"balance.sums.{name}" for name in _SUMS),
    "client_id",
    *(f"refs.{name}" for name in FIELDS[FIELDS.index("decision_id") :]),
)
_BOOKED_AT = FIELDS.index("booked_at")
_encode = msgspec.json.Encoder().encode
Content = Sequence[Any]
"""What an entry says, in the order of FIELDS; ids are texts."""


class Sealed(Struct, frozen=True):
    """Entries of one account that one batch has booked: from position, to position, digest."""

    account_id: str
    first: int
    last: int
    digest: str

    @property
    def span(self) -> str:
        """Return the positions as the audit's line has them."""
        return f"{self.first}-{self.last}"


def sealed_of(entries: Iterable[Entry]) -> Iterator[Sealed]:
    """Yield what is sealed of the entries of a batch, account by account."""
    by_account = sorted(map(_read, entries), key=lambda content: (content[0], content[1]))
    for account_id, group in groupby(by_account, key=lambda content: content[0]):
        contents = list(group)
        first, last = contents[0][1], contents[-1][1]
        yield Sealed(str(account_id), int(first), int(last), digest_of(contents))


def digest_of(contents: Iterable[Content]) -> str:
    """Return the digest of entries in the order of their positions."""
    return f"{ALGORITHM}:{sha256(_encode([_plain(one) for one in contents])).hexdigest()}"


def span_of(text: str) -> tuple[int, int]:
    """Return the positions that a line of the audit names; nothing of a line that names none."""
    first, _, last = text.partition("-")
    return (int(first), int(last)) if first.isdecimal() and last.isdecimal() else (0, 0)


def _plain(content: Content) -> list[object]:
    """Return what an entry says in one form: instants in UTC, ids in lower case."""
    told = list(content)
    booked_at: datetime = told[_BOOKED_AT]
    told[_BOOKED_AT] = booked_at.astimezone(UTC)
    client_id = told[_CLIENT_ID]
    told[_CLIENT_ID] = None if client_id is None else str(client_id).lower()
    return told


_CLIENT_ID = FIELDS.index("client_id")
