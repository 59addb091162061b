"""The moment of a batch and the call that caused it.

The edge knows them; operations may not read them by themselves.
"""

from datetime import date, datetime

from msgspec import Struct

from kuntavayla.events import NewId, Origin, instant_text
from kuntavayla.values.calendar import legal_day


class Moment(Struct, frozen=True):
    """When a batch is handled, where its ids come from, and who speaks; made at the edge."""

    now: datetime
    today: date
    new_id: NewId
    source: str

    @classmethod
    def at(cls, now: datetime, new_id: NewId, *, source: str) -> "Moment":
        """Return the moment with its legal day; `source` is that of the service's events."""
        return cls(now, legal_day(now), new_id, source)

    @property
    def origin(self) -> Origin:
        """Return what the events of the batch share."""
        return Origin(source=self.source, at_text=instant_text(self.now))


class Call(Struct, frozen=True, kw_only=True):
    """Who calls and on whose behalf, for the audit and the trace of what follows."""

    organisation: str
    request_id: str
    traceparent: str
    official_id: str | None = None
    official_role: str | None = None
    municipality_code: str | None = None
    purpose: str | None = None
