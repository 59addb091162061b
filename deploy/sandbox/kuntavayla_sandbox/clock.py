"""The legal clock.

Starts at 08:00 Helsinki time on the legal date and runs at normal speed, over all starts of a
directory.

While a stack runs, its `up` writes every second how far the clock may have come (a little ahead),
so that after a kill it goes on behind everything that was ever told, never before it. A clean stop
writes the exact moment.
"""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

HELSINKI = ZoneInfo("Europe/Helsinki")
OPENING = time(8)
"""When the offices open on the legal date (contracts.md, "Local stack")."""
WRITTEN_AHEAD = timedelta(seconds=3)


class ClockFile(Struct, frozen=True, kw_only=True):
    """What is kept.

    The legal date that the directory began with, and how far the clock has come.
    """

    legal_date: date
    reached_at: datetime


class LegalDateDiffers(Exception):
    """The directory began with another legal date, and the clock only goes on."""

    def __init__(self, *, began_on: date) -> None:
        super().__init__(
            f"This state began on {began_on} and its clock only goes on; give another --state."
        )


class LegalClock(Struct, frozen=True):
    """Tells the legal instant in UTC.

    Where it stood at the start, and the machine's time since then.
    """

    legal_at: datetime
    machine_at: datetime

    def __call__(self) -> datetime:
        """Return the legal instant of this moment."""
        return self.legal_at + (datetime.now(UTC) - self.machine_at)


def open_clock(path: Path, *, legal_date: date | None, default: date) -> tuple[LegalClock, date]:
    """Return the clock of a directory and the legal date that it began with.

    Raises LegalDateDiffers.
    """
    if path.exists():
        kept = msgspec.json.decode(path.read_bytes(), type=ClockFile)
        if legal_date is not None and legal_date != kept.legal_date:
            raise LegalDateDiffers(began_on=kept.legal_date)
        return LegalClock(kept.reached_at, datetime.now(UTC)), kept.legal_date
    began_on = legal_date or default
    opening = datetime.combine(began_on, OPENING, HELSINKI).astimezone(UTC)
    return LegalClock(opening, datetime.now(UTC)), began_on


def find_legal_date(path: Path) -> date | None:
    """Return the legal date that a directory began with, or None where nothing began there."""
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=ClockFile).legal_date


def write_reached(path: Path, *, legal_date: date, reached_at: datetime) -> None:
    """Keep how far the clock has come, all or nothing."""
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(msgspec.json.encode(ClockFile(legal_date=legal_date, reached_at=reached_at)))
    draft.replace(path)
