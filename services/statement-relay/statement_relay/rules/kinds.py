"""The closed list of kinds of information, and what is told of each: texts, first day, source."""

from collections.abc import Mapping
from datetime import date
from importlib.resources.abc import Traversable
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from kuntavayla.values.calendar import helsinki_instant
from kuntavayla.values.tables import TableFault
from kuntavayla.values.texts import Texts

InformationKind = Literal[
    "JOB_OFFER_MADE",
    "JOB_OFFER_REFUSED",
    "JOB_OFFER_NOT_APPLIED",
    "JOB_OFFER_RESULT",
    "INTERVIEW_NO_SHOW",
    "PLAN_REFUSED",
    "PLAN_MEETING_MISSED",
    "PLAN_STEP_OMITTED",
    "JOB_SEARCH_DUTY_UNMET",
    "SERVICE_REFUSED",
    "SERVICE_NOT_STARTED",
    "SERVICE_STARTED",
    "SERVICE_INTERRUPTED",
    "SERVICE_REMOVED_FOR_CONDUCT",
    "SERVICE_ENDED",
    "SERVICE_ABSENCE",
    "EMPLOYMENT_STARTED",
    "EMPLOYMENT_ENDED",
    "RESIGNATION",
    "DISMISSAL_OWN_CONDUCT",
    "ENTREPRENEURSHIP_STARTED",
    "ENTREPRENEURSHIP_ENDED",
    "STUDIES_STARTED",
    "STUDIES_ENDED",
    "NOT_AVAILABLE_FOR_WORK",
    "WORK_CAPACITY_CHANGE",
    "JOB_SEARCH_ENDED",
    "JOB_SEARCH_RENEWED",
    "MOVED_ABROAD",
    "EU_JOB_SEARCH",
    "CLIENT_EXPLANATION_RECEIVED",
]
"""What a municipality may tell; a correction or withdrawal is an action on a kind, no kind."""
KINDS: tuple[InformationKind, ...] = get_args(InformationKind)
Sureness = Literal["sure", "mixed", "assumed", "unsure", "design"]
"""How sure a row is, in the words of docs/sources.md."""


class KindEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind with its name, the first day it may have occurred on, its source and sureness."""

    kind: InformationKind
    name: Texts
    valid_from: date
    source: str
    sure: Sureness


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    kind: tuple[KindEntry, ...]


class Kinds:
    """What is told of every kind, checked at loading: each kind of the list once.

    `first_on` is the first day on which anything may have occurred, `first_at` its beginning.
    """

    def __init__(self, entries: tuple[KindEntry, ...]) -> None:
        self.entries = entries
        self._by_kind: Mapping[str, KindEntry] = {entry.kind: entry for entry in entries}
        if sorted(entry.kind for entry in entries) != sorted(KINDS):
            raise TableFault("kinds", "Each kind of the closed list stands once.")
        if any(not entry.source for entry in entries):
            raise TableFault("kinds", "Each kind has a source.")
        self.first_on = min(entry.valid_from for entry in entries)
        self.first_at = helsinki_instant(self.first_on, 0, 0)

    def of(self, kind: str) -> KindEntry:
        """Return what is told of the kind; LookupError for none of the list."""
        return self._by_kind[kind]


def load_kinds(source: Traversable) -> Kinds:
    """Read the file of kinds; raises TableFault where it is not in order."""
    try:
        return Kinds(msgspec.toml.decode(source.read_bytes(), type=_File).kind)
    except msgspec.MsgspecError as error:
        raise TableFault("kinds", str(error)) from error
