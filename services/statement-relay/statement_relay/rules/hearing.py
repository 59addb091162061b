"""Whether and when the client was heard (selvityspyyntö), and what a state asks for."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from kuntavayla.errors import Fault
from kuntavayla.values.calendar import legal_day
from kuntavayla.values.codes import Instant

HearingState = Literal["not_needed", "requested", "answered", "not_answered"]
_MEMBERS = ("requested_at", "due_on", "answered_at")
_NEEDED: Mapping[HearingState, tuple[str, ...]] = {
    "not_needed": (),
    "requested": ("requested_at", "due_on"),
    "answered": ("requested_at", "due_on", "answered_at"),
    "not_answered": ("requested_at", "due_on"),
}


class Hearing(Struct, frozen=True, forbid_unknown_fields=True):
    """The hearing of the client on the matter; each state has its own members, others are null."""

    state: HearingState
    requested_at: Instant | None = None
    due_on: date | None = None
    answered_at: Instant | None = None

    def faults(self, *, now: datetime) -> Iterator[Fault]:
        """Yield what the state and the times say against each other and against the clock.

        Times are those of the calendar between the years 2 and 9998.
        """
        needed = _NEEDED[self.state]
        for member in _MEMBERS:
            is_given = getattr(self, member) is not None
            if is_given and member not in needed:
                advice = f"Give null where the hearing is {self.state}."
                yield Fault(f"/hearing/{member}", "not_expected_in_state", advice)
            if member in needed and not is_given:
                advice = f"Give this where the hearing is {self.state}."
                yield Fault(f"/hearing/{member}", "needed_in_state", advice)
        yield from self._order_faults()
        if (
            self.state == "not_answered"
            and self.due_on is not None
            and self.due_on >= legal_day(now)
        ):
            advice = (
                'The client may still answer: the hearing is "requested" until its day is past.'
            )
            yield Fault("/hearing/state", "hearing_still_open", advice)

    def _order_faults(self) -> Iterator[Fault]:
        if self.requested_at is None:
            return
        if self.due_on is not None and self.due_on < legal_day(self.requested_at):
            advice = "Give a day that is not before that of requested_at."
            yield Fault("/hearing/due_on", "day_before_another", advice)
        if self.answered_at is not None and self.answered_at < self.requested_at:
            advice = "Give an instant that is not before requested_at."
            yield Fault("/hearing/answered_at", "instant_before_another", advice)
