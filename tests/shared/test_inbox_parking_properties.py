"""Whatever comes in, whatever is poison, whatever is repaired: in order, once, and nothing lost."""

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuntavayla.database import Pool, open_pool
from kuntavayla.inbox import Incoming, StopLimits, repairing
from kuntavayla.testing import DatabaseServer
from tests.shared.parking_example import (
    EMPTY,
    Consumer,
    ListSource,
    a_consumer_database,
    an_event,
    garbage,
)

KEYS = "abc"
PARKED = "SELECT place FROM inbox_parked WHERE state = 'parked' ORDER BY number"
MESSAGES_MAX = 14
streams = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["event", "event", "event", "garbage"])),
    min_size=1,
    max_size=MESSAGES_MAX,
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(1, 6)),
        st.tuples(st.sampled_from(["retry", "skip"]), st.integers(0, 3)),
        st.tuples(st.just("heal"), st.integers(1, MESSAGES_MAX)),
        st.tuples(st.just("send again"), st.integers(1, MESSAGES_MAX)),
    ),
    max_size=16,
)


class Model:
    """What must be: per key a line of messages, of which the first that fails holds the rest."""

    def __init__(self, stream: Sequence[tuple[str, str]], poison: set[int]) -> None:
        self.stream = stream
        self.poison = poison
        self.read = 0
        self.waiting: dict[str, list[int]] = {key: [] for key in KEYS}
        self.effects: dict[str, list[int]] = {}

    def key_of(self, number: int) -> str:
        return self.stream[number - 1][0]

    def fails(self, number: int) -> bool:
        return number in self.poison or self.stream[number - 1][1] == "garbage"

    def arrive(self, count: int) -> None:
        for number in range(self.read + 1, min(self.read + count, len(self.stream)) + 1):
            self.read = number
            line = self.waiting[self.key_of(number)]
            line.append(number)
            if len(line) == 1:
                self.drain(self.key_of(number))

    def drain(self, key: str) -> None:
        line = self.waiting[key]
        while line and not self.fails(line[0]):
            self.effects.setdefault(key, []).append(line.pop(0))

    def repair(self, action: str, number: int) -> None:
        if action == "skip":
            self.waiting[self.key_of(number)].remove(number)
        self.drain(self.key_of(number))


def message(number: int, *, stream: Sequence[tuple[str, str]]) -> Incoming:
    key, kind = stream[number - 1]
    return an_event(number, key) if kind == "event" else garbage(number, key)


class History:
    """A consumer and the model side by side."""

    def __init__(self, consumer: Consumer, model: Model) -> None:
        self.consumer = consumer
        self.model = model
        count = len(model.stream)
        self.source = ListSource([message(n, stream=model.stream) for n in range(1, count + 1)])

    async def do(self, step: str, number: int) -> None:
        match step:
            case "read":
                await self._read(number)
            case "heal":
                self.consumer.poison.discard(number)
            case "send again" if number <= self.model.read:
                # A publisher that crashed sends what it had sent at new places, behind all others.
                self.source.messages.append(message(number, stream=self.model.stream))
            case "retry" | "skip":
                await self._repair("retry" if step == "retry" else "skip", number)
            case _:
                assert step == "send again", "only what was read is sent again"

    async def _read(self, count: int) -> None:
        self.source.page = count
        reader = self.consumer.inbox(self.source)
        await reader.step(self.consumer.handle)
        self.model.arrive(count)

    async def _repair(self, action: repairing.Action, place: int) -> None:
        rows = await self.consumer.pool.fetch(PARKED)
        if place < len(rows):
            number = int(rows[place]["place"].rpartition("/")[2])
            await self.consumer.repair(action, number)
            self.model.repair(action, number)

    async def waiting(self) -> dict[str, list[int]]:
        """Return what waits per key, and make sure that its first message alone is parked."""
        found: dict[str, list[int]] = {key: [] for key in KEYS}
        for key, number, state, *_ in await self.consumer.rows():
            if state in {"parked", "queued"}:
                assert (state == "parked") is (not found[key])
                found[key].append(number)
        return found


@pytest.fixture
async def pool(databases: DatabaseServer) -> AsyncIterator[Pool]:
    async with a_consumer_database(databases) as database:
        pool = await open_pool(database.owner_url)
        yield pool
        await pool.close()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stream=streams, poison=st.sets(st.integers(1, MESSAGES_MAX), max_size=5), todo=steps)
async def test_effects_are_in_order_per_key_once_and_nothing_is_lost(
    pool: Pool, stream: list[tuple[str, str]], *, poison: set[int], todo: list[tuple[str, int]]
) -> None:
    await pool.execute(EMPTY)
    consumer = Consumer(pool, limits=StopLimits(parked_max=100))
    consumer.poison = poison
    model = Model(stream, poison)
    history = History(consumer, model)

    for step, number in [*todo, ("read", 1_000)]:
        await history.do(step, number)

    assert await consumer.effects() == model.effects
    assert await history.waiting() == model.waiting
