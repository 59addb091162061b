"""Month-end snapshots made by the legal clock."""

from datetime import timedelta

from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from kuntavayla.values.calendar import helsinki_instant, legal_day
from quota_ledger.rules.snapshots import month_ends
from quota_ledger.store import snapshots


async def make_snapshots(connection: Connection, *, moment: Moment) -> int:
    """Make what is missing of every account and every ended legal month; return how many.

    Locks nothing and changes no balance. Safe to run in many processes at once, and again.
    """
    first = await snapshots.first_booked_at(connection)
    if first is None:
        return 0
    ends = month_ends(legal_day(first), today=moment.today)
    if not ends:
        return 0
    ends_at = [helsinki_instant(end + timedelta(days=1), 0, 0) for end in ends]
    return await snapshots.make(connection, ends, ends_at=ends_at, now=moment.now)
