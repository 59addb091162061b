"""A process of writers that book at random on few accounts, and print what was accepted.

Started by test_booking_concurrency.py: address of the database, seed, writers, batches, and the ids
of the accounts, which each batch names in an order of its own.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from kuntavayla.database import Pool, open_pool, transaction
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.service.routes.outcomes import repeating
from quota_ledger.operations.booking import Booking, book
from quota_ledger.rules.booked import Booked
from quota_ledger.rules.posting import Draw, Posting
from tests.quota_ledger.accounts import draw, leg, posting

NOW = datetime(2021, 8, 24, 6, tzinfo=UTC)
BATCH_MAX = 12
CENTS_MAX = 40
CLIENTS = 30


def now() -> datetime:
    return NOW


def moment() -> Moment:
    return moment_at(now, source="/kuntavayla/quota-ledger")


class Writer:
    """One writer: draws and transfers both ways between all accounts, batch after batch."""

    def __init__(self, pool: Pool, account_ids: Sequence[str], *, seed: int) -> None:
        self._pool = pool
        self._account_ids = list(account_ids)
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self.accepted: Counter[str] = Counter()

    async def run(self, batches: int) -> None:
        for _ in range(batches):
            postings = [self._posting() for _ in range(self._random.randint(1, BATCH_MAX))]
            booking = await repeating(lambda tried=postings: self._book(tried))  # type: ignore[misc]
            self._count(booking)

    async def _book(self, postings: Sequence[Posting | Draw]) -> Booking:
        async with transaction(self._pool) as connection:
            return await book(connection, postings, moment=moment())

    def _posting(self) -> Posting | Draw:
        cents = self._random.randint(1, CENTS_MAX)
        first, second, *_ = self._random.sample(self._account_ids, k=len(self._account_ids))
        if self._random.random() < 0.3:
            return posting(
                leg(first, "transfer_out", allocated_cents=-cents),
                leg(second, "transfer_in", allocated_cents=cents),
            )
        client_id = f"0177ec61-3ab9-7893-923f-{self._random.randrange(CLIENTS):012x}"
        return draw(first, second, cents=cents, client_id=client_id)

    def _count(self, booking: Booking) -> None:
        for outcome in booking.outcomes:
            if isinstance(outcome, Booked):
                self.accepted["postings"] += 1
                self.accepted["entries"] += len(outcome.entries)
                for entry in outcome.entries:
                    self.accepted["reserved_cents"] += entry.change.reserved_cents
            else:
                self.accepted["refused"] += 1


async def main(url: str, seed: int, writers: int, *, batches: int, ids: Sequence[str]) -> None:
    pool = await open_pool(url, connections_max=writers)
    try:
        made = [Writer(pool, ids, seed=seed * 1_000 + number) for number in range(writers)]
        await asyncio.gather(*(writer.run(batches) for writer in made))
    finally:
        await pool.close()
    total = sum((writer.accepted for writer in made), Counter[str]())
    sys.stdout.write(msgspec.json.encode(total).decode())


if __name__ == "__main__":
    address, seed_text, writers_text, batches_text, *account_ids = sys.argv[1:]
    asyncio.run(
        main(address, int(seed_text), int(writers_text), batches=int(batches_text), ids=account_ids)
    )
