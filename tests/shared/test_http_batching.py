import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry
from typing_extensions import override

from kuntavayla.auth import Refusal
from kuntavayla.errors import Unavailable
from kuntavayla.http import BatchLimits, MicroBatcher, Remedy, run_halving
from kuntavayla.http.batching import OutcomeUnknown, QueueFull, WaitedTooLong
from kuntavayla.telemetry import BatchMetrics


@dataclass
class Bench:
    """Runs batches only when told to, and remembers them."""

    batches: list[list[int]] = field(default_factory=list)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    failures: list[Exception] = field(default_factory=list)
    in_flight: int = 0
    in_flight_most: int = 0

    async def run(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.in_flight += 1
        self.in_flight_most = max(self.in_flight_most, self.in_flight)
        await self.gate.acquire()
        self.in_flight -= 1
        if self.failures:
            raise self.failures.pop(0)
        return [Refused(item) if item < 0 else item * 10 for item in items]


class Refused(Exception):
    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refused) and self.args == other.args

    @override
    def __hash__(self) -> int:
        return hash(self.args)


def batcher_of(bench: Bench, **limits: float) -> MicroBatcher[int, int]:
    return MicroBatcher(
        bench.run,
        limits=BatchLimits(**limits),  # type: ignore[arg-type]
        unavailable=(ConnectionError,),
    )


async def ticks(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def submit(batcher: MicroBatcher[int, int], *items: int, by: str = "a") -> list[asyncio.Task[int]]:
    loop = asyncio.get_running_loop()
    return [loop.create_task(batcher.submit(item, organisation=by)) for item in items]


async def test_a_lone_item_waits_for_nobody() -> None:
    bench = Bench(gate=asyncio.Semaphore(1))

    assert await batcher_of(bench).submit(7, organisation="a") == 70


async def test_items_that_arrive_while_a_batch_is_in_flight_form_the_next_one() -> None:
    bench = Bench()
    batcher = batcher_of(bench)
    tasks = submit(batcher, 1)
    await ticks()
    tasks += submit(batcher, 2, 3, 4)
    await ticks()

    bench.gate.release()
    bench.gate.release()

    assert await asyncio.gather(*tasks) == [10, 20, 30, 40]
    assert bench.batches == [[1], [2, 3, 4]]
    assert bench.in_flight_most == 1


async def test_a_batch_has_its_limit() -> None:
    bench = Bench(gate=asyncio.Semaphore(100))
    batcher = batcher_of(bench, batch_items_max=256)

    outcomes = await asyncio.gather(*submit(batcher, *range(600)))

    assert outcomes == [number * 10 for number in range(600)]
    assert [len(batch) for batch in bench.batches] == [256, 256, 88]


async def test_a_busy_organisation_does_not_hold_up_another() -> None:
    bench = Bench()
    batcher = batcher_of(bench, batch_items_max=4)
    tasks = submit(batcher, *range(100, 120), by="busy")
    tasks += submit(batcher, 1, 2, by="small")
    await ticks()

    for _ in range(6):
        bench.gate.release()
    await asyncio.gather(*tasks)

    assert bench.batches[0] == [100, 1, 101, 2]


async def test_an_items_own_failure_leaves_its_neighbours_unharmed() -> None:
    bench = Bench(gate=asyncio.Semaphore(1))
    tasks = submit(batcher_of(bench), 1, -2, 3)

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert outcomes == [10, Refused(-2), 30]


async def test_a_full_queue_answers_503_and_takes_nothing() -> None:
    bench = Bench()
    batcher = batcher_of(bench, waiting_items_max=3)
    tasks = submit(batcher, 1)
    await ticks()
    tasks += submit(batcher, 2, 3, 4)
    await ticks()

    with pytest.raises(QueueFull) as refused:
        await batcher.submit(5, organisation="b")

    assert batcher.waiting == (3, 0)
    assert refused.value.retry_after_s == 1
    bench.gate.release()
    bench.gate.release()
    assert await asyncio.gather(*tasks) == [10, 20, 30, 40]


async def test_an_item_that_waited_too_long_is_not_executed() -> None:
    bench = Bench()
    batcher = batcher_of(bench, wait_s_max=0.0)
    first = submit(batcher, 1)
    bench.gate.release()

    with pytest.raises(WaitedTooLong):
        await first[0]

    assert bench.batches == []


async def test_a_caller_that_goes_before_the_start_takes_its_item_along() -> None:
    bench = Bench()
    batcher = batcher_of(bench)
    tasks = submit(batcher, 1)
    await ticks()
    tasks += submit(batcher, 2, 3)
    await ticks()
    tasks[1].cancel()
    await ticks()

    bench.gate.release()
    bench.gate.release()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert bench.batches == [[1], [3]]


async def test_a_caller_that_goes_after_the_start_changes_nothing() -> None:
    bench = Bench()
    tasks = submit(batcher_of(bench), 1, 2)
    await ticks()
    tasks[0].cancel()
    await ticks()

    bench.gate.release()

    assert await tasks[1] == 20
    assert bench.batches == [[1, 2]]


async def test_an_unknown_outcome_is_a_503_for_all_and_the_next_batch_goes_on() -> None:
    bench = Bench(gate=asyncio.Semaphore(2), failures=[ConnectionError("lost at commit")])
    batcher = batcher_of(bench)

    outcomes = await asyncio.gather(*submit(batcher, 1, 2), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, OutcomeUnknown]
    assert await batcher.submit(3, organisation="a") == 30


async def test_a_fault_of_ours_is_a_500_for_all_and_the_next_batch_goes_on() -> None:
    bench = Bench(gate=asyncio.Semaphore(2), failures=[KeyError("Aino")])
    batcher = batcher_of(bench)

    with pytest.raises(Refusal) as refused:
        await batcher.submit(1, organisation="a")

    assert refused.value.problem.status == 500
    assert await batcher.submit(3, organisation="a") == 30


async def test_a_named_failure_of_the_whole_batch_reaches_each_item() -> None:
    bench = Bench(gate=asyncio.Semaphore(1), failures=[Unavailable(retry_after_s=7)])

    outcomes = await asyncio.gather(*submit(batcher_of(bench), 1, 2), return_exceptions=True)

    assert outcomes == [Unavailable(retry_after_s=7)] * 2


async def test_bulk_goes_chunk_by_chunk_beside_the_single_items() -> None:
    bench = Bench(gate=asyncio.Semaphore(100))
    batcher = batcher_of(bench)

    bulk, single = await asyncio.gather(
        batcher.submit_bulk(range(1_200), organisation="a"), batcher.submit(7, organisation="b")
    )

    assert bulk == [number * 10 for number in range(1_200)]
    assert single == 70
    assert sorted(len(batch) for batch in bench.batches) == [1, 200, 500, 500]
    assert bench.in_flight_most <= 2


async def test_a_chunk_waits_longer_for_its_turn_than_a_single_item() -> None:
    bench = Bench(gate=asyncio.Semaphore(100))
    batcher = batcher_of(bench, wait_s_max=0.0)

    outcomes = await asyncio.gather(
        *(batcher.submit_chunk([number], organisation="a") for number in range(4))
    )

    assert outcomes == [[0], [10], [20], [30]]


async def test_a_chunk_that_waited_too_long_is_not_executed() -> None:
    bench = Bench(gate=asyncio.Semaphore(100))
    batcher = batcher_of(bench, chunk_wait_s_max=0.0)

    outcomes = await batcher.submit_chunk([1, 2], organisation="a")

    assert outcomes == [WaitedTooLong(retry_after_s=1)] * 2
    assert bench.batches == []


async def test_chunks_of_several_organisations_take_turns() -> None:
    bench = Bench(gate=asyncio.Semaphore(100))
    batcher = batcher_of(bench, chunk_items_max=2)

    await asyncio.gather(
        batcher.submit_bulk([1, 2, 3, 4, 5, 6], organisation="a"),
        batcher.submit_bulk([11, 12, 13, 14], organisation="b"),
    )

    assert bench.batches == [[1, 2], [11, 12], [3, 4], [13, 14], [5, 6]]


async def test_a_bulk_chunk_that_fails_whole_fails_each_line_and_the_rest_goes_on() -> None:
    bench = Bench(gate=asyncio.Semaphore(100), failures=[ConnectionError()])
    batcher = batcher_of(bench, chunk_items_max=2)

    outcomes = await batcher.submit_bulk([1, 2, 3], organisation="a")

    assert outcomes == [OutcomeUnknown(retry_after_s=1), OutcomeUnknown(retry_after_s=1), 30]


async def test_closing_answers_what_was_taken_and_takes_no_more() -> None:
    bench = Bench(gate=asyncio.Semaphore(100))
    batcher = batcher_of(bench)
    tasks = submit(batcher, 1, 2)
    await ticks(1)

    await batcher.close()

    assert await asyncio.gather(*tasks) == [10, 20]
    with pytest.raises(QueueFull):
        await batcher.submit(3, organisation="a")


async def test_every_item_gets_its_own_outcome_under_much_traffic() -> None:
    bench = Bench(gate=asyncio.Semaphore(100_000))
    batcher = batcher_of(bench)

    async def caller(number: int) -> None:
        for step in range(20):
            item = number * 100 + step
            assert await batcher.submit(item, organisation=f"o{number % 7}") == item * 10

    await asyncio.gather(*(caller(number) for number in range(200)))

    assert sorted(item for batch in bench.batches for item in batch) == sorted(
        number * 100 + step for number in range(200) for step in range(20)
    )


class Deadlock(Exception):
    pass


class BadRow(Exception):
    pass


def remedy_of(error: Exception) -> Remedy:
    match error:
        case Deadlock():
            return Remedy.REPEAT
        case BadRow():
            return Remedy.SPLIT
        case _:
            return Remedy.NONE


@pytest.mark.parametrize("culprits", [set(), {0}, {7}, {3, 4}, set(range(8))])
async def test_halving_finds_the_culprits_and_keeps_the_order(culprits: set[int]) -> None:
    async def run(items: Sequence[int]) -> list[int | Exception]:
        if culprits & set(items):
            raise BadRow
        return [item * 10 for item in items]

    outcomes = await run_halving(run, range(8), remedy_of=remedy_of)

    for item, outcome in enumerate(outcomes):
        assert isinstance(outcome, BadRow) if item in culprits else outcome == item * 10


@pytest.mark.parametrize(("deadlocks", "runs"), [(1, 2), (3, 4)])
async def test_a_deadlock_runs_the_batch_again(deadlocks: int, runs: int) -> None:
    seen: list[int] = []

    async def run(items: Sequence[int]) -> list[int | Exception]:
        seen.append(len(items))
        if len(seen) <= deadlocks:
            raise Deadlock
        return list(items)

    assert await run_halving(run, [1, 2], remedy_of=remedy_of) == [1, 2]
    assert seen == [2] * runs


@pytest.mark.parametrize("error", [Deadlock(), ConnectionError()])
async def test_what_neither_repeats_nor_halves_help_is_raised(error: Exception) -> None:
    async def run(_: Sequence[int]) -> list[int | Exception]:
        raise error

    with pytest.raises(type(error)):
        await run_halving(run, [1, 2], remedy_of=remedy_of)


async def test_what_waits_behind_a_batch_that_hangs_is_seen_at_each_look() -> None:
    bench, registry = Bench(), CollectorRegistry()
    lane = BatchMetrics(registry).lane("numbers", "single")
    batcher = MicroBatcher[int, int](bench.run, limits=BatchLimits(), single_metrics=lane)
    hanging = submit(batcher, 1)
    await ticks()
    behind = submit(batcher, 2, 3)
    await ticks()

    labels = {"operation": "numbers", "lane": "single"}
    while_hanging = registry.get_sample_value("kuntavayla_batch_waiting_items", labels)
    bench.gate.release()
    bench.gate.release()
    await asyncio.gather(*hanging, *behind)

    assert while_hanging == 2
    assert registry.get_sample_value("kuntavayla_batch_waiting_items", labels) == 0
