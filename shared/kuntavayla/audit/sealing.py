"""The sealer: closes a block over what is committed and not sealed yet.

It holds the end of the chain in memory; `electing` sees to it that there is one at a time. Which
lines a block takes, and why none is missed, is told in `settling`.
"""

from collections.abc import Callable
from datetime import date, datetime

from msgspec import Struct

from kuntavayla.audit import days
from kuntavayla.audit.blocks import NO_HASH, Block, Content, SealKey, hash_of, header_of
from kuntavayla.audit.days import Announce
from kuntavayla.audit.merkle import root_of
from kuntavayla.audit.ranges import Ranges, above, ranges_of, union
from kuntavayla.audit.settling import Settling, settled_after
from kuntavayla.audit.stored_blocks import (
    SealState,
    append_block,
    find_newest,
    list_unsealed,
    load_state,
)
from kuntavayla.database import Connection
from kuntavayla.database.connections import transaction_on
from kuntavayla.values.calendar import legal_day

__all__ = ["LINES_MAX", "SealState", "Sealer", "load_state"]

LINES_MAX = 2_000
"""Lines of one block, at most."""


class End(Struct, frozen=True):
    """Where the chain ends: what the next block goes on from."""

    number: int = 0
    hash: bytes = NO_HASH
    settled_to: int = 0
    ahead: Ranges = ()


class Sealer:
    """Closes blocks, one call at a time, on the connection that holds the election's lock.

    `source` is the service whose audit it is; `announce` tells of a complete legal day, in the
    transaction that stores it. The clock dates the blocks.
    """

    def __init__(
        self,
        key: SealKey,
        *,
        source: str,
        clock: Callable[[], datetime],
        announce: Announce,
    ) -> None:
        self._key = key
        self._source = source
        self._clock = clock
        self._announce = announce
        self._end = End()
        self._settling = Settling()
        self._looked_on: date | None = None

    async def take_over(self, connection: Connection) -> None:
        """Go on from the newest stored block; call it after each election."""
        newest = await find_newest(connection)
        self._settling = Settling()
        self._looked_on = None
        self._end = End() if newest is None else _end_of(newest)

    async def seal(self, connection: Connection) -> int:
        """Close a block over at most LINES_MAX lines; return how many, 0 where there is nothing.

        One statement stores the block. Fails where somebody else stored a block of this number.
        """
        end = self._end
        gone_through = await self._settling.look(connection)
        lines = await list_unsealed(
            connection, settled_to=end.settled_to, ahead=end.ahead, limit=LINES_MAX
        )
        if lines:
            block = self._close(lines, gone_through=gone_through)
            await append_block(connection, block)
            self._end = _end_of(block)
        if self._end.ahead:
            newest = self._end.ahead[-1][1]
            await self._settling.note(connection, newest=newest, settled_to=self._end.settled_to)
        return len(lines)

    async def announce_days(self, connection: Connection) -> int:
        """Announce every complete legal day that is not announced yet; return how many.

        It looks once a legal day and election: nothing becomes due in between.
        """
        now = self._clock()
        today = legal_day(now)
        if today == self._looked_on:
            return 0
        due = await days.list_due(connection, today=today)
        for day in due:
            async with transaction_on(connection):
                await days.append_day(connection, day, now=now)
                await self._announce(connection, day)
        self._looked_on = today
        return len(due)

    def _close(self, lines: list[tuple[int, bytes]], *, gone_through: int) -> Block:
        end, first, last = self._end, lines[0][0], lines[-1][0]
        members = ranges_of(number for number, _ in lines)
        sealed = union(end.ahead, members)
        # A full block may have left lines behind its last one.
        bound = gone_through if len(lines) < LINES_MAX else min(gone_through, last)
        settled_to = settled_after(end.settled_to, sealed, gone_through=bound)
        content = Content(
            number=end.number + 1,
            previous_hash=end.hash,
            root=root_of(encoded for _, encoded in lines),
            line_count=len(lines),
            first_audit_id=first,
            last_audit_id=last,
            members=members,
            settled_to=settled_to,
            ahead=above(sealed, settled_to),
            sealed_at=self._clock(),
            key_id=self._key.key_id,
        )
        return sign(content, key=self._key, source=self._source)


def sign(content: Content, *, key: SealKey, source: str) -> Block:
    """Return the block of a content, with its hash and signature."""
    header = header_of(content, source=source)
    fields = {name: getattr(content, name) for name in Content.__struct_fields__}
    return Block(**fields, hash=hash_of(header), signature=key.sign(header))


def _end_of(block: Block) -> End:
    return End(block.number, block.hash, block.settled_to, block.ahead)
