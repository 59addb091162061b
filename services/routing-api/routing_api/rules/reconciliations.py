"""Two lists of clients compared: a case system's own, and what the service says that it holds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

DIFFERENCES_MAX = 1_000
"""Differences that one result lists; all are counted."""


class Kind(StrEnum):
    """What differs about a client."""

    MISSING = "missing"
    """The case system holds it and does not know: it stands in our list alone."""
    UNKNOWN = "unknown"
    """It never was the case system's, or is nobody: it stands in their list alone."""
    ENDED = "ended"
    """It was the case system's and no longer is."""
    VERSION_DIFFERS = "version_differs"
    """Both hold it, by different versions of its clienthood."""


class Claim(Struct, frozen=True, gc=False):
    """A client that a case system says it holds, and the newest version that it knows."""

    client_id: str
    clienthood_version: int


class Compared(Struct, frozen=True, kw_only=True):
    """A client about which the lists differ; a version is None where a list lacks it.

    `was_held`: whether it ever was the case system's. `is_coming`: whether the case system still
    has events about it to read. `alike`: how many clients differ in the same way, this one among
    them.
    """

    client_id: str
    their_version: int | None
    our_version: int | None
    was_held: bool
    is_restricted: bool
    is_coming: bool
    alike: int


class Difference(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A difference that stands, and what repairs it.

    A redelivery of `event_ids` where events were missed; else the case system ends the client.
    """

    kind: Kind
    client_id: str
    their_version: int | None = None
    our_version: int | None = None
    is_restricted: bool = False
    repaired_by: Literal["POST /redeliveries", "case_system"]
    event_ids: tuple[str, ...] = ()


class Counts(Struct, frozen=True, kw_only=True):
    """How many clients each list has, and how they compare.

    `on_the_way` are those about which the case system still has events to read; they count nowhere
    else.
    """

    theirs: int
    ours: int
    matched: int
    missing: int
    unknown: int
    ended: int
    version_differs: int
    on_the_way: int

    @property
    def is_equal(self) -> bool:
        """Say whether nothing differs but what is still on its way."""
        return not (self.missing or self.unknown or self.ended or self.version_differs)


class Reconciliation(Struct, frozen=True, kw_only=True):
    """The result of an organisation and a day; the first differences, by kind and client."""

    organisation: str
    day: date
    reconciled_at: datetime
    counts: Counts
    differences: Sequence[Difference]


def kind_of(compared: Compared) -> Kind:
    """Return what differs."""
    if compared.their_version is None:
        return Kind.MISSING
    if compared.our_version is not None:
        return Kind.VERSION_DIFFERS
    return Kind.ENDED if compared.was_held else Kind.UNKNOWN


def count(their_count: int, compared: Sequence[Compared]) -> Counts:
    """Return the counts of two lists that differ in `compared`, and those alike, and nothing else.

    `compared` has at least one client of each sort that there is.
    """
    sorts = {(kind_of(each), each.is_coming): each.alike for each in compared}
    all_of = Counter[Kind]()
    for (kind, _), alike in sorts.items():
        all_of[kind] += alike
    standing = {kind: sorts.get((kind, False), 0) for kind in Kind}
    matched = their_count - sum(all_of[kind] for kind in Kind if kind is not Kind.MISSING)
    return Counts(
        theirs=their_count,
        ours=matched + all_of[Kind.MISSING] + all_of[Kind.VERSION_DIFFERS],
        matched=matched,
        missing=standing[Kind.MISSING],
        unknown=standing[Kind.UNKNOWN],
        ended=standing[Kind.ENDED],
        version_differs=standing[Kind.VERSION_DIFFERS],
        on_the_way=all_of.total() - sum(standing.values()),
    )


def first_differences(compared: Iterable[Compared]) -> list[Difference]:
    """Return the first differences that stand, by kind and client."""
    standing = [
        Difference(
            kind=kind_of(each),
            client_id=each.client_id,
            their_version=each.their_version,
            our_version=each.our_version,
            is_restricted=each.is_restricted,
            repaired_by="case_system",
        )
        for each in compared
        if not each.is_coming
    ]
    standing.sort(key=lambda each: (each.kind, each.client_id))
    return standing[:DIFFERENCES_MAX]


def with_events(difference: Difference, event_ids: Sequence[str]) -> Difference:
    """Return a difference that the redelivery of these events repairs."""
    if not event_ids:
        return difference
    return replace(difference, repaired_by="POST /redeliveries", event_ids=tuple(event_ids))
