"""The row day-one-kafka: the same day, its common events over a broker instead of the feed.

The broker is another process beside PostgreSQL; each round has one of its own, started before the
clock runs.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median

from kuntavayla.register import load_register
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.backbone import prepare_topics
from kuntavayla_sandbox.broker import Broker
from kuntavayla_sandbox.identities import organisations_on
from kuntavayla_sandbox.processes import processor_s
from tests.bench.children import run_job
from tests.bench.day_one import FULL_SIZE, Day, check_day, floor_of, live_day, notes_of
from tests.bench.day_one_floor import FloorReport
from tests.bench.day_one_kafka_floor import KafkaFloorJob, KafkaFloorReport
from tests.bench.people import DAY, people_file, registrations_wanted
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.stand import Stand, standing

Floor = tuple[FloorReport, KafkaFloorReport]


async def run() -> list[Result]:
    """Run the row and return its result."""
    count = registrations_wanted()
    path = str(people_file(count))
    days: list[Day] = []
    floors: list[Floor] = []
    async with standing() as stand:
        for number in range(rounds_wanted(2 if count >= FULL_SIZE else 5)):
            async with broker_of(stand, f"broker-{number}") as (broker, connection):
                day, floor = await _round(stand, path, broker=broker, connection=connection)
            days.append(day)
            floors.append(floor)
            print(
                f"day-one-kafka {number + 1}: {day.seconds:.1f} s, floor {seconds_of(floor):.1f} s"
            )
    return [
        result_of(
            "day-one-kafka",
            [day.seconds for day in days],
            [seconds_of(floor) for floor in floors],
            unit=f"s for {count} registrations",
            notes=[*notes_of(days, [floor for floor, _ in floors], count=count), *_parts(floors)],
        )
    ]


@asynccontextmanager
async def broker_of(stand: Stand, name: str) -> AsyncIterator[tuple[Broker, KafkaConnection]]:
    """Run a broker with the topics of all who take events."""
    with Broker(stand.folder / name) as broker:
        connection = KafkaConnection(bootstrap=broker.bootstrap)
        everybody = organisations_on(load_register(), on=DAY)
        await prepare_topics(connection, everybody, is_new=True)
        yield broker, connection


def seconds_of(floor: Floor) -> float:
    """Return the seconds of all parts of the floor; the broker stands in the feed's place."""
    stored, carried = floor
    rest = stored.decode_s + stored.copy_s + stored.effects_s
    return rest + carried.produce_s + carried.consume_s


async def _round(
    stand: Stand, path: str, *, broker: Broker, connection: KafkaConnection
) -> tuple[Day, Floor]:
    count = registrations_wanted()
    async with stand.database() as database, stand.case_database() as case_database:
        async with (
            stand.routing(database, kafka=connection) as routing,
            stand.case_systems(routing, database=case_database, kafka=connection) as systems,
        ):
            before_s = _processor_s(broker)
            day = await live_day(stand, routing, systems, path=path, count=count)
            day.processor_s["Kafka"] = _processor_s(broker) - before_s
        await check_day(database, systems, count=count)
        floor = await floor_of(stand, database, systems, path=path)
        job = KafkaFloorJob(database.owner_url, connection)
        carried = await run_job("tests.bench.day_one_kafka_floor", job, kind=KafkaFloorReport)
        assert carried.consumed + carried.restricted == count, "the same records"
        return day, (floor, carried)


def _processor_s(broker: Broker) -> float:
    assert broker.pid is not None, "the broker runs as long as its round"
    return processor_s(broker.pid) or 0.0


def _parts(floors: Sequence[Floor]) -> list[str]:
    produce_s = median(carried.produce_s for _, carried in floors)
    consume_s = median(carried.consume_s for _, carried in floors)
    return [f"in place of GET: raw produce {produce_s:.1f} s, raw consume {consume_s:.1f} s"]
