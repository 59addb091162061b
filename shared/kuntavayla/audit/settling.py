"""Up to which number no line of the audit can come any more: how late lines are never missed.

**The question.** `audit_id` is drawn by an insert and seen at its commit, so a line with a lower
number may appear after one with a higher number, and a number whose transaction rolled back never
appears. A block that claimed "all lines up to 5,000" could gain one later.

**The answer.** A block claims no range: it names its members. The sealer takes whatever is
committed and not yet sealed, so nothing waits for a slow transaction and nothing committed is
passed over, in whatever order commits come. Only so that it need not look at the whole table each
time, it keeps `settled_to`: every number up to it is sealed or will never come. That moves on two
grounds:

1. *No gap.* All numbers up to n are sealed: a number is given once, so none of them can come.
2. *No writer left.* An insert takes RowExclusiveLock on the table before it draws its first number,
   and holds it to the end of its transaction. Numbers rise, so a number below one that is already
   visible was drawn earlier, and its transaction, if it still runs, holds that lock now. The sealer
   notes the newest visible number and, after that, who holds the lock. When the last of those has
   gone, whatever was committed is visible to the next look (PostgreSQL shows a commit before it
   frees its locks), and what that look does not find up to the noted number will never come.

A transaction that stays open delays only `settled_to`, never the sealing of the others. The request
path does nothing for all this: no lock, no column, no trigger; the sealer asks pg_locks, and only
while there is a gap. It holds on a sequence that hands out numbers one by one (the default), and
for lines that get their number from it: the service's role can insert no others.

So a line at or below `settled_to` that no block names was put there past the service, and a
verifier says so.
"""

from msgspec import Struct

from kuntavayla.audit.ranges import Ranges
from kuntavayla.database import Connection

WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = 'audit'::regclass AND mode = 'RowExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Watch(Struct, frozen=True):
    """Who held the lock of writers when all numbers up to `through` had been drawn."""

    through: int
    writers: frozenset[str]


class Settling:
    """What one sealer knows about numbers that did not come yet."""

    def __init__(self) -> None:
        self._watch: Watch | None = None
        self._gone_through = 0

    async def look(self, connection: Connection) -> int:
        """Return up to which number nothing is under way; call it before the lines are read."""
        if self._watch is not None and not self._watch.writers & await _writers(connection):
            self._gone_through = max(self._gone_through, self._watch.through)
            self._watch = None
        return self._gone_through

    async def note(self, connection: Connection, *, newest: int, settled_to: int) -> None:
        """Begin to watch, where numbers below the newest visible one are open; after reading."""
        is_open = newest > max(settled_to, self._gone_through)
        if self._watch is None and is_open:
            self._watch = Watch(newest, await _writers(connection))


async def _writers(connection: Connection) -> frozenset[str]:
    rows = await connection.fetch(WRITERS)
    return frozenset(row["virtualtransaction"] for row in rows)


def settled_after(settled_to: int, sealed: Ranges, *, gone_through: int) -> int:
    """Return the new `settled_to` when the numbers of `sealed` are sealed, given in order.

    `gone_through` is what `Settling.look` said before the lines were read, but no more than the
    newest number up to which all visible lines have been taken.
    """
    settled = max(settled_to, gone_through)
    for first, last in sealed:
        if first > settled + 1:
            break
        settled = max(settled, last)
    return settled
