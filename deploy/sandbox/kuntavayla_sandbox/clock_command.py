"""The legal clock of a running stack, asked and moved from another shell."""

import time
from datetime import datetime, timedelta

import msgspec

from kuntavayla_sandbox.clock import AHEAD_FILE, HELSINKI, WRITTEN_AHEAD, ClockFile, write_ahead
from kuntavayla_sandbox.state import StateDirectory

KEPT_S_MAX = 10.0
POLL_S = 0.1


def read_clock(state: StateDirectory) -> datetime:
    """Return where the clock of a running stack stands, to a second; in Helsinki."""
    kept = msgspec.json.decode(state.clock_file.read_bytes(), type=ClockFile)
    return (kept.reached_at - WRITTEN_AHEAD).astimezone(HELSINKI)


def move_clock(state: StateDirectory, *, to: datetime) -> datetime:
    """Move the clock of a running stack forward to an hour of Helsinki; return where it stands.

    Returns when the stack has written down how far it came, so that no kill puts it back. Raises
    ClockGoesOn.
    """
    wanted = to.replace(tzinfo=HELSINKI)
    # A second more, because the clock is known to a second.
    by = wanted - read_clock(state) + timedelta(seconds=1)
    write_ahead(state.path / AHEAD_FILE, by=by)
    deadline_s = time.monotonic() + KEPT_S_MAX
    while read_clock(state) < wanted and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    return read_clock(state)
