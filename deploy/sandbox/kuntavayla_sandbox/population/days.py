"""The calendar of a population: birth days by age band, days around the legal date, hours."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from kuntavayla_sandbox.population.assumptions import load_assumptions

HELSINKI = ZoneInfo("Europe/Helsinki")
REGISTERED_DAYS = 21
"""Registrations are made on one of the twenty days before the legal date."""
_DAYS_BACK_MAX = 3_300
_DAYS_AHEAD_MAX = 400
_OPEN_MINUTES = 8 * 60
_OPENS_HOUR = 8
_SECONDS = 60


class Days:
    """Dates around a legal date as texts, prepared once."""

    def __init__(self, legal_date: date) -> None:
        first = legal_date - timedelta(days=_DAYS_BACK_MAX)
        span = _DAYS_BACK_MAX + _DAYS_AHEAD_MAX
        self._texts = tuple((first + timedelta(days=n)).isoformat() for n in range(span))
        self._bands = _bands(legal_date)
        self._mornings = tuple(
            _opening(legal_date - timedelta(days=n)) for n in range(1, REGISTERED_DAYS)
        )
        self._minutes = tuple(
            f"{_OPENS_HOUR + minute // 60:02}:{minute % 60:02}" for minute in range(_OPEN_MINUTES)
        )

    @property
    def born_first(self) -> int:
        """Ordinal of the earliest birth day."""
        return min(first for first, _ in self._bands)

    @property
    def born_last(self) -> int:
        """Ordinal of the latest birth day."""
        return max(first + days for first, days in self._bands)

    def before(self, days: int) -> str:
        """Return the day that many days before the legal date; after it, where negative."""
        return self._texts[_DAYS_BACK_MAX - days]

    def birth_ordinal(self, band: int, *, draw: float) -> int:
        """Return a birth day of the age band, evenly spread."""
        first, days = self._bands[band]
        return first + int(draw * days)

    def registered_at(self, draw: float) -> str:
        """Return an instant in opening hours, with its offset."""
        days = len(self._mornings)
        at = int(draw * days * _OPEN_MINUTES * _SECONDS)
        rest, second = divmod(at, _SECONDS)
        day, minute = divmod(rest, _OPEN_MINUTES)
        on, offset = self._mornings[day]
        return f"{on}T{self._minutes[minute]}:{second:02}{offset}"


def _opening(on: date) -> tuple[str, str]:
    """Return the day, and the offset from UTC of its opening hours."""
    instant = datetime.combine(on, time(_OPENS_HOUR), tzinfo=HELSINKI)
    return on.isoformat(), instant.isoformat()[-6:]


def _bands(legal_date: date) -> tuple[tuple[int, int], ...]:
    """Return the first birth day and the number of birth days of each age band."""
    ages = load_assumptions().ages
    limits = [*ages.starts, ages.ends]
    latest = [_years_before(legal_date, years=age).toordinal() for age in limits]
    return tuple((older + 1, younger - older) for younger, older in pairwise(latest))


def _years_before(on: date, *, years: int) -> date:
    """Return the last birth day on which a person has that age; 29 February counts from 1 March."""
    try:
        return on.replace(year=on.year - years)
    except ValueError:
        return date(on.year - years, 2, 28)
