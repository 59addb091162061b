"""Faults that values of any body may have: an instant out of the calendar, an identity code."""

from collections.abc import Iterable
from datetime import MAXYEAR, MINYEAR, datetime

from kuntavayla.errors import Fault
from kuntavayla.values.identity_codes import holds_identity_code


def instant_fault(pointer: str, instant: datetime) -> Fault | None:
    """Return the fault of an instant at an end of the calendar, where UTC has no day for it."""
    if MINYEAR < instant.year < MAXYEAR:
        return None
    return Fault(pointer, "instant_out_of_calendar", "Give an instant of the years 2 to 9998.")


def pause_faults(reason: str, until: datetime | None, *, now: datetime) -> list[Fault]:
    """Return the faults of a request to hold a counterpart back: its reason, and its end."""
    faults = reference_faults([("/reason", reason)])
    if until is not None:
        fault = instant_fault("/until", until)
        if fault is None and until <= now:
            fault = Fault("/until", "until_has_passed", "Give an instant that is yet to come.")
        faults += [fault] if fault is not None else []
    return faults


def reference_faults(references: Iterable[tuple[str, str | None]]) -> list[Fault]:
    """Return a fault for each (pointer, reference) that holds an identity code.

    References are stored as they stand and travel in events, where no identity code may be.
    """
    advice = "Give a reference that holds no personal identity code."
    return [
        Fault(pointer, "reference_holds_identity_code", advice)
        for pointer, text in references
        if text is not None and holds_identity_code(text)
    ]
