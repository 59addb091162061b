"""The register as the services ask it: a dated question is a bisection and a dictionary hit.

The days on which anything changes cut time into spans (a handful); within a span nothing changes,
so each span holds its own dictionaries and sorted lists, made once.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date

from kuntavayla.register.applying import content_with
from kuntavayla.register.changes import RegisterChange
from kuntavayla.register.content import Content
from kuntavayla.register.entries import (
    Area,
    CaseSystem,
    Membership,
    Municipality,
    Organisation,
    TeOffice,
)
from kuntavayla.register.spans import Span, span_starts


class Register:
    """Dated municipalities, areas, memberships, case systems and offices; it never changes.

    Lists are sorted by code. `version` names the release of the data and the number of recorded
    changes in it.
    """

    __slots__ = (
        "_case_systems",
        "_content",
        "_municipalities",
        "_organisations",
        "_spans",
        "_starts",
        "version",
    )

    def __init__(self, content: Content) -> None:
        self.version = content.version
        self._content = content
        self._municipalities = {entry.code: entry for entry in content.municipalities}
        self._case_systems = {entry.case_system_id: entry for entry in content.case_systems}
        self._organisations = {
            entry.organisation_id: entry
            for entry in sorted(content.organisations, key=lambda entry: entry.organisation_id)
        }
        self._starts = span_starts(content)
        self._spans = tuple(Span.of(content, on=start) for start in self._starts)

    def municipality(self, code: str) -> Municipality | None:
        """Return the municipality, also one that has ended; None for a code never known."""
        return self._municipalities.get(code)

    def membership(self, code: str, *, on: date) -> Membership | None:
        """Return the municipality's place in an area on the day, also an unconfirmed one."""
        return self._spans[bisect_right(self._starts, on) - 1].memberships.get(code)

    def te_office_of(self, municipality_code: str, *, on: date) -> str | None:
        """Return the TE office of the municipality's ELY area.

        None for Åland and unknown municipalities, and from 2025, when the employment area is the
        authority itself. Source: data/SOURCES.md (one office for each ELY area: assumed).
        """
        return self._span(on).te_office_by_municipality.get(municipality_code)

    def is_office(self, code: str, *, on: date) -> bool:
        """Tell whether the code names a TE office on the day, or from 2025 an employment area."""
        return code in self._span(on).office_codes

    def areas(self, *, on: date) -> tuple[Area, ...]:
        """Return the areas of the day with their municipalities."""
        return self._span(on).areas

    def municipalities(self, *, on: date) -> tuple[Municipality, ...]:
        """Return the municipalities that exist on the day."""
        return self._span(on).municipalities

    def case_systems(self, *, on: date) -> tuple[CaseSystem, ...]:
        """Return the case systems that serve a municipality on the day."""
        return self._span(on).case_systems

    def te_offices(self, *, on: date) -> tuple[TeOffice, ...]:
        """Return the TE offices of the day; none from 2025."""
        return self._span(on).te_offices

    def unconfirmed(self, *, on: date) -> tuple[Membership, ...]:
        """Return the memberships of the day that nobody has confirmed."""
        return self._span(on).unconfirmed

    def case_system(self, case_system_id: str) -> CaseSystem | None:
        """Return the case system with all it has served, serves and will serve."""
        return self._case_systems.get(case_system_id)

    def organisation(self, organisation_id: str) -> Organisation | None:
        """Return the organisation, of any day."""
        return self._organisations.get(organisation_id)

    def organisations(self) -> tuple[Organisation, ...]:
        """Return every organisation of any day."""
        return tuple(self._organisations.values())

    def with_changes(self, changes: Sequence[RegisterChange]) -> "Register":
        """Return a register with these recorded changes taken after its own, in their order.

        Raises RegisterFault for a change that was taken before, that names no municipality, or that
        confirms a municipality without an unconfirmed membership.
        """
        return Register(content_with(self._content, changes))

    def _span(self, on: date) -> Span:
        return self._spans[bisect_right(self._starts, on) - 1]
