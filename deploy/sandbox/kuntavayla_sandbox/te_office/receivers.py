"""All receivers of the process: their knobs, their calls, and the lane through which items come."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from kuntavayla.database import AWAY, Pool
from kuntavayla.http.batching import BatchLimits, MicroBatcher
from kuntavayla.telemetry import log
from kuntavayla_sandbox.te_office import store
from kuntavayla_sandbox.te_office.knobs import Knobs, is_faulty
from kuntavayla_sandbox.te_office.receiving import Hand, Outcome, Put, receive

LIMITS = BatchLimits(batch_items_max=256, wait_s_max=30.0)
AWAY_PAUSE_S = 0.5


class Receivers:
    """What the receivers share, and how each behaves now."""

    def __init__(
        self, pool: Pool, receiver_ids: Sequence[str], *, clock: Callable[[], datetime]
    ) -> None:
        self.pool = pool
        self.clock = clock
        self.answered: Counter[tuple[str, int]] = Counter()
        self._knobs = {receiver_id: Knobs() for receiver_id in receiver_ids}
        self._calls: Counter[str] = Counter()
        self._hand = Hand(clock=clock, machine_clock=lambda: datetime.now(UTC), draw_id=uuid.uuid4)
        self._lane: MicroBatcher[Put, Outcome] = MicroBatcher(
            self._receive, limits=LIMITS, unavailable=AWAY
        )

    @property
    def ids(self) -> list[str]:
        """Return the ids of all receivers, sorted."""
        return sorted(self._knobs)

    async def load(self) -> None:
        """Take the knobs as they were kept; waits for a database that is away."""
        while True:
            try:
                async with self.pool.acquire() as connection:
                    kept = await store.load_knobs(connection)
            except AWAY as error:
                log.warning("te_offices.waiting", error_type=type(error).__name__)
                await asyncio.sleep(AWAY_PAUSE_S)
                continue
            self._knobs |= {name: knobs for name, knobs in kept.items() if name in self._knobs}
            return

    def find_knobs(self, receiver_id: str) -> Knobs | None:
        """Return how a receiver behaves, or None where there is no such receiver."""
        return self._knobs.get(receiver_id)

    async def set_knobs(self, receiver_id: str, knobs: Knobs) -> None:
        """Change how a receiver behaves, from now on and after a restart."""
        async with self.pool.acquire() as connection:
            await store.set_knobs(connection, receiver_id, knobs)
        self._knobs[receiver_id] = knobs
        self._calls[receiver_id] = 0

    def is_call_faulty(self, receiver_id: str, knobs: Knobs) -> bool:
        """Count a call and tell whether it is one that fails."""
        self._calls[receiver_id] += 1
        return is_faulty(self._calls[receiver_id], per_mille=knobs.error_per_mille)

    async def take(self, put: Put) -> Outcome:
        """Take one item, together with those that come meanwhile; raises Unavailable."""
        return await self._lane.submit(put, organisation=put.receiver_id)

    async def close(self) -> None:
        """Take no more; return when what was taken is kept."""
        await self._lane.close()

    async def _receive(self, puts: Sequence[Put]) -> list[Outcome]:
        return await receive(self.pool, puts, hand=self._hand)
