"""Lines, a key and a sealer, on which the tests of sealing and verifying stand."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from kuntavayla.audit import (
    Anchor,
    AuditLine,
    BlockSpan,
    SealedDay,
    Sealer,
    SealKey,
    SealKeys,
    Verification,
    append,
    verify,
)
from kuntavayla.database import Connection, Pool, transaction
from tests.shared.event_examples import NOW, new_id

SOURCE = "/example"
KEY = SealKey("s1", bytes(range(32)))
KEYS = SealKeys({KEY.key_id: KEY.public_bytes})


class Hour:
    """A clock that a test sets."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Told:
    """The days that a sealer announced, in transactions that committed or not."""

    def __init__(self) -> None:
        self.days: list[SealedDay] = []

    async def __call__(self, _connection: Connection, day: SealedDay) -> None:
        self.days.append(day)


def a_line(number: int = 1) -> AuditLine:
    return AuditLine(
        recorded_at=NOW + timedelta(seconds=number),
        organisation="cs-sotkamo",
        action="person.fetch",
        outcome="disclosed",
        request_id=f"r-{number}",
        client_id=new_id(),
        official_id="sotkamo:u-1" if number % 2 else None,
    )


def lines(count: int) -> Iterator[AuditLine]:
    return map(a_line, range(1, count + 1))


def a_sealer(clock: Hour | None = None, told: Told | None = None, *, key: SealKey = KEY) -> Sealer:
    return Sealer(key, source=SOURCE, clock=clock or Hour(), announce=told or Told())


async def written(pool: Pool, count: int) -> None:
    """Write lines in one transaction."""
    async with transaction(pool) as connection:
        await append(connection, list(lines(count)))


async def sealed(pool: Pool, sealer: Sealer) -> list[int]:
    """Seal until nothing is left; return how many lines each block took."""
    counts = []
    async with pool.acquire() as connection:
        while count := await sealer.seal(connection):
            counts.append(count)
    return counts


async def verified(
    pool: Pool, span: BlockSpan | None = None, *, expected: Anchor | None = None
) -> Verification:
    async with transaction(pool) as connection:
        return await verify(connection, KEYS, span or BlockSpan(), source=SOURCE, expected=expected)


async def found(pool: Pool, *, expected: Anchor | None = None) -> list[tuple[int, str]]:
    """Return the differences of the whole chain as block and kind."""
    verification = await verified(pool, expected=expected)
    return [(one.block, one.kind) for one in verification.differences]
