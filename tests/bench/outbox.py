"""The row outbox: a backlog of events from the database to the broker, against a raw producer."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import cycle, islice
from statistics import median

import aiokafka
import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct

from kuntavayla import outbox
from kuntavayla.database import open_pool, transaction
from kuntavayla.events import Channel, EventDraft, Origin, instant_text, new_ids_at
from kuntavayla.outbox import PARTITIONS, topic_of
from kuntavayla.register import load_register
from kuntavayla.service.events import INTERNAL
from kuntavayla.telemetry import new_traceparent
from kuntavayla.testing import TestDatabase
from kuntavayla.values.calendar import helsinki_instant
from kuntavayla_sandbox.broker import Broker
from routing_api.events import SOURCE, ClientTransferredV1, ResponsibilityChangedV1
from tests.bench.children import run_job
from tests.bench.outbox_floor import OutboxFloorJob, OutboxFloorReport
from tests.bench.people import DAY
from tests.bench.publisher_process import PublishJob, PublishReport
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.stand import Stand, standing

EVENTS_DEFAULT = 200_000
ROUNDS_DEFAULT = 4
"""An even number, because bench and floor take turns in who comes first."""
EVENTS_OF_A_TRANSACTION = 1_000
OPENING_HOUR = 8
WAYS = ("published", "raw", "filled")
"""By the publisher, by the raw producer's `send`, and with batches that the program fills."""
RESET = "UPDATE outbox_publisher SET fence = 0, position = 0"


class Round(Struct, frozen=True):
    """One round: the publisher, the floor, and what PostgreSQL used for the publisher."""

    bench: PublishReport
    floor: OutboxFloorReport
    server_s: float


class Target(Struct, frozen=True):
    """Where a round writes to: the broker, and topics of recipients that no other round has."""

    broker: Broker
    recipients: Sequence[str]
    number: int

    def topics(self, name: str) -> list[str]:
        """Return the topics of one way of writing."""
        return [topic_of(self.service(name), recipient) for recipient in self.recipients]

    def service(self, name: str) -> str:
        """Return the service's name that its topics have."""
        return f"{name}-{self.number}"

    async def make(self) -> None:
        """Make all topics."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        await admin.start()
        for name in WAYS:
            topics = [NewTopic(topic, PARTITIONS, 1) for topic in self.topics(name)]
            await admin.create_topics(topics)
        await admin.close()

    async def records(self, name: str) -> int:
        """Return how many records the topics of one way of writing have."""
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=self.broker.bootstrap)
        await consumer.start()
        places = [
            aiokafka.TopicPartition(topic, partition)
            for topic in self.topics(name)
            for partition in range(PARTITIONS)
        ]
        ends = await consumer.end_offsets(places)
        await consumer.stop()
        return sum(ends.values())


async def run() -> list[Result]:
    """Run the row and return its result."""
    count, rounds = int(os.environ.get("EVENTS", EVENTS_DEFAULT)), rounds_wanted(ROUNDS_DEFAULT)
    done: list[Round] = []
    async with standing() as stand, stand.database() as database:
        recipients = await fill(database, count)
        with ExitStack() as opened:
            broker = await asyncio.to_thread(opened.enter_context, Broker(stand.folder / "broker"))
            targets = [Target(broker, recipients, number) for number in range(rounds + 1)]
            # Whoever writes while the broker still makes topics is slower, so all are made before.
            for target in targets:
                await target.make()
            # The broker's first round is slower, whoever it is for; it counts for nobody.
            await _round(stand, database, targets[0])
            for number, target in enumerate(targets[1:], 1):
                one = await _round(stand, database, target)
                done.append(one)
                print(
                    f"outbox {number}: {count / one.bench.seconds:,.0f}/s,"
                    f" floor {count / one.floor.send_s:,.0f}/s"
                )
    return [
        result_of(
            "outbox",
            [count / one.bench.seconds for one in done],
            [count / one.floor.send_s for one in done],
            unit=f"events/s of {count}",
            notes=_notes(done, count),
        )
    ]


async def fill(database: TestDatabase, count: int) -> list[str]:
    """Announce events as day one does for its clients; return the recipients."""
    systems = [system.case_system_id for system in load_register().case_systems(on=DAY)]
    at = helsinki_instant(DAY, OPENING_HOUR, 0)
    origin = Origin(source=SOURCE, at_text=instant_text(at))
    drafts = list(islice(_drafts(systems, at=at), count))
    pool = await open_pool(database.url)
    for first in range(0, count, EVENTS_OF_A_TRANSACTION):
        async with transaction(pool) as connection:
            batch = drafts[first : first + EVENTS_OF_A_TRANSACTION]
            await outbox.append(connection, batch, origin=origin)
    await pool.close()
    return [*systems, INTERNAL]


def _drafts(systems: Sequence[str], *, at: datetime) -> Iterator[EventDraft]:
    """Yield the two events of one client after the other, the case systems in turn."""
    new_id = new_ids_at(at)
    for system in cycle(systems):
        client_id, decision_id, traceparent = new_id(), new_id(), new_traceparent()
        for recipient, data in (
            (system, _transferred(client_id, new_id(), at=at)),
            (INTERNAL, _changed(client_id, system, at=at)),
        ):
            yield EventDraft(
                event_id=new_id(),
                type_name=data.type_name,
                version=1,
                subject=client_id,
                recipient=recipient,
                channel=Channel.COMMON,
                causation_id=decision_id,
                traceparent=traceparent,
                data=data,
            )


def _transferred(client_id: str, transfer_id: str, *, at: datetime) -> ClientTransferredV1:
    return ClientTransferredV1(
        transfer_id=transfer_id,
        client_id=client_id,
        clienthood_version=1,
        cause="first_entry",
        municipality_code="765",
        area_code="kainuu",
        effective_on=at.date(),
        previous_authority="te_office",
        te_office_code="te-kainuu",
        acknowledge_due_at=at,
        notice_state="due",
    )


def _changed(client_id: str, case_system_id: str, *, at: datetime) -> ResponsibilityChangedV1:
    return ResponsibilityChangedV1(
        client_id=client_id,
        clienthood_version=1,
        authority="municipality",
        municipality_code="765",
        area_code="kainuu",
        case_system_id=case_system_id,
        te_office_code="te-kainuu",
        source_system="ura",
        source_client_number="URA-C-0088123",
        valid_from=at.date(),
        valid_to=None,
    )


async def _round(stand: Stand, database: TestDatabase, target: Target) -> Round:
    """Publish the backlog to fresh topics; let the raw producer write the same to others."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(RESET)
    count = await owner.fetchval("SELECT position FROM outbox_head")
    await owner.close()
    published, raw, filled = map(target.service, WAYS)
    bootstrap = target.broker.bootstrap

    async def publish() -> tuple[PublishReport, float]:
        before = stand.processor_s()
        job = PublishJob(published, database.url, bootstrap, count)
        done = await run_job("tests.bench.publisher_process", job, kind=PublishReport)
        return done, stand.processor_s() - before

    async def send() -> OutboxFloorReport:
        job = OutboxFloorJob(database.url, bootstrap, raw, filled)
        return await run_job("tests.bench.outbox_floor", job, kind=OutboxFloorReport)

    # The broker is warmer for whoever comes second, so they take turns in that as well.
    if target.number % 2:
        (bench, server_s), floor = await publish(), await send()
    else:
        floor, (bench, server_s) = await send(), await publish()
    for name in WAYS:
        assert await target.records(name) == count, "none lost or doubled"
    return Round(bench, floor, server_s)


def _notes(done: Sequence[Round], count: int) -> list[str]:
    def each_us(seconds: Sequence[float]) -> float:
        return 1e6 * median(seconds) / count

    publisher = each_us([one.bench.processor_s for one in done])
    server = each_us([one.server_s for one in done])
    floor = each_us([one.floor.send_processor_s for one in done])
    filled = [one.floor.filled_s / one.bench.seconds for one in done]
    low, middle, high = min(filled), median(filled), max(filled)
    size = done[0].floor.event_bytes / count
    peak = max(one.bench.peak_mib for one in done)
    return [
        f"processor µs: publisher {publisher:.1f}, PostgreSQL {server:.1f}, floor {floor:.1f}",
        f"against a raw producer that fills batches itself: {middle:.2f} [{low:.2f}, {high:.2f}]",
        f"{size:.0f} bytes an event in key, value and headers",
        f"peak MiB: publisher {peak}",
    ]
