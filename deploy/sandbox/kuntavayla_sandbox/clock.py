"""The legal clock.

Starts at 08:00 Helsinki time on the legal date and runs at normal speed, over all starts of a
directory.

While a stack runs, its `up` writes every second how far the clock may have come (a little ahead),
so that after a kill it goes on behind everything that was ever told, never before it. A clean stop
writes the exact moment.

It can be moved forward while the stack runs, for all its processes at once: how far, in seconds,
stands in a file that each of them has mapped.
"""

import mmap
import struct
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.state import write_private

HELSINKI = ZoneInfo("Europe/Helsinki")
OPENING = time(8)
"""When the offices open on the legal date (contracts.md, "Local stack")."""
WRITTEN_AHEAD = timedelta(seconds=3)
AHEAD_FILE = "clock-ahead"
AHEAD = struct.Struct("<q")
"""How the file says how far the clock was moved: whole seconds."""


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


class ClockGoesOn(Exception):
    """The legal clock is never put back."""

    def __init__(self) -> None:
        super().__init__("The legal clock only goes on; give a day and hour that are ahead of it.")


class LegalClock(Struct, frozen=True):
    """Tells the legal instant in UTC.

    Where it stood at the start, the machine's time since then, and how far it was moved since:
    `ahead_file` says so, if there is one.
    """

    legal_at: datetime
    machine_at: datetime
    ahead_file: str | None = None

    def __call__(self) -> datetime:
        """Return the legal instant of this moment."""
        return self.legal_at + (datetime.now(UTC) - self.machine_at) + self._ahead()

    def move(self, by: timedelta) -> datetime:
        """Move the clock forward for every process that has it; return the new legal instant."""
        assert self.ahead_file is not None, "only a stack's own clock can be moved"
        write_ahead(Path(self.ahead_file), by=by)
        return self()

    def _ahead(self) -> timedelta:
        if self.ahead_file is None:
            return timedelta()
        [seconds] = AHEAD.unpack(_mapped(self.ahead_file)[: AHEAD.size])
        return timedelta(seconds=seconds)


@lru_cache(maxsize=8)
def _mapped(path: str) -> mmap.mmap:
    """Return a file's content as it is at every moment."""
    with Path(path).open("rb") as file:
        return mmap.mmap(file.fileno(), AHEAD.size, access=mmap.ACCESS_READ)


def write_ahead(path: Path, *, by: timedelta) -> None:
    """Let a clock be so much further on; raises ClockGoesOn where it would go back."""
    if by < timedelta():
        raise ClockGoesOn
    with path.open("r+b") as file:
        [seconds] = AHEAD.unpack(file.read(AHEAD.size))
        file.seek(0)
        file.write(AHEAD.pack(seconds + int(by.total_seconds())))


def open_clock(path: Path, *, legal_date: date | None, default: date) -> tuple[LegalClock, date]:
    """Return the clock of a directory and the legal date that it began with.

    It has not been moved yet: how far it ever was moved is in where it begins. Raises
    LegalDateDiffers.
    """
    ahead = path.with_name(AHEAD_FILE).absolute()
    # A new file, so that what a killed stack left keeps its own; this process forgets its old one.
    write_private(ahead, AHEAD.pack(0))
    _mapped.cache_clear()
    if path.exists():
        kept = msgspec.json.decode(path.read_bytes(), type=ClockFile)
        if legal_date is not None and legal_date != kept.legal_date:
            raise LegalDateDiffers(began_on=kept.legal_date)
        return LegalClock(kept.reached_at, datetime.now(UTC), str(ahead)), kept.legal_date
    began_on = legal_date or default
    opening = datetime.combine(began_on, OPENING, HELSINKI).astimezone(UTC)
    return LegalClock(opening, datetime.now(UTC), str(ahead)), began_on


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
