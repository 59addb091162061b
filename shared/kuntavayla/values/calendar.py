"""Legal days, working days and ages: everything that turns on the Finnish calendar.

A legal day is a calendar day in Europe/Helsinki. Nothing here reads a clock.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

_HELSINKI = ZoneInfo("Europe/Helsinki")
_FRIDAY = 4
_YEARS_CACHED_MAX = 64


def legal_day(instant: datetime) -> date:
    """Return the calendar day in Helsinki to which the instant belongs.

    The instant is aware. Raises OverflowError at the very ends of the calendar.
    """
    assert instant.tzinfo is not None
    return instant.astimezone(_HELSINKI).date()


def helsinki_instant(on: date, hour: int, minute: int) -> datetime:
    """Return the instant, in UTC, at which clocks in Helsinki show this time of that day.

    Of an hour that comes twice, the first; an hour that is skipped counts from before the skip.
    """
    local = datetime(on.year, on.month, on.day, hour, minute, tzinfo=_HELSINKI)
    return local.astimezone(UTC)


def is_working_day(on: date) -> bool:
    """Tell whether offices work: Monday to Friday, no public holiday.

    Midsummer Eve and Christmas Eve are days off, as in the state's offices.
    """
    return on.weekday() <= _FRIDAY and on not in _holidays(on.year)


def working_day_after(on: date, count: int = 1) -> date:
    """Return the `count`-th working day after the day, which itself does not count."""
    assert count > 0
    day = on
    while count > 0:
        day += timedelta(days=1)
        if is_working_day(day):
            count -= 1
    return day


def age_on(born_on: date, on: date) -> int:
    """Return the age in full years; who was born on 29 February turns on 1 March in common years.

    Negative before the birth.
    """
    is_before_birthday = (on.month, on.day) < (born_on.month, born_on.day)
    return on.year - born_on.year - is_before_birthday


def turns_on(born_on: date, years: int) -> date:
    """Return the day on which the person turns so many years old; see `age_on` for 29 February."""
    year = born_on.year + years
    try:
        return born_on.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


@lru_cache(maxsize=_YEARS_CACHED_MAX)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FI", years=year))
