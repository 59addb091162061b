"""The row day-one: all who move, by bulk over HTTP, decided, stored, published, consumed.

Three processes of ours beside PostgreSQL: the sender, routing-api, and the 31 case systems in one,
which store the effects of the events and go no further. The clock runs from the first call until
the last effect is stored.
"""

import asyncio
import time
from collections.abc import Sequence
from statistics import median

import asyncpg
import httpx
from msgspec import Struct

from kuntavayla.testing import TestDatabase
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.processes import peak_memory_mib, processor_s
from kuntavayla_sandbox.simulators import load_status
from tests.bench.bytes_server import BytesJob
from tests.bench.children import run_job, serving
from tests.bench.day_one_floor import FloorJob, FloorReport
from tests.bench.people import people_file, registrations_wanted
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.sender_process import SendJob, SendReport
from tests.bench.stand import CaseSystems, Routing, Stand, standing

SENDER = "te-national"
POLL_S = 0.2
STALLED_S_MAX = 90
FULL_SIZE = 100_000
"""From this size on two rounds are enough: one takes minutes."""
COUNTS = """
SELECT (SELECT count(*) FROM registrations) AS registrations,
       (SELECT count(*) FROM clients) AS clients,
       (SELECT count(*) FROM decisions) AS decisions, (SELECT count(*) FROM transfers) AS transfers,
       (SELECT count(*) FROM outbox) AS events, (SELECT max(position) FROM outbox) AS last_position,
       (SELECT count(*) FROM outbox WHERE recipient LIKE 'cs-%') AS for_case_systems
"""
EVENTS = "SELECT body FROM outbox WHERE recipient LIKE 'cs-%' ORDER BY position"
OFFERED = "SELECT case_system_id, count(*) FROM transfers GROUP BY case_system_id ORDER BY 1"
HELD = "SELECT case_system_id, count(*) FROM clients GROUP BY case_system_id ORDER BY 1"


class Day(Struct, frozen=True, kw_only=True):
    """One round of the bench: seconds, the sender's part of them, processor seconds and peaks."""

    seconds: float
    sending_s: float
    processor_s: dict[str, float]
    peak_mib: dict[str, int]
    events: int


async def run() -> list[Result]:
    """Run the row and return its result."""
    count = registrations_wanted()
    path = str(people_file(count))
    rounds = rounds_wanted(2 if count >= FULL_SIZE else 5)
    days: list[Day] = []
    floors: list[FloorReport] = []
    async with standing() as stand:
        for number in range(rounds):
            day, floor = await _round(stand, path, count)
            days.append(day)
            floors.append(floor)
            print(f"day-one {number + 1}: {day.seconds:.1f} s, floor {seconds_of(floor):.1f} s")
    return [
        result_of(
            "day-one",
            [day.seconds for day in days],
            [seconds_of(floor) for floor in floors],
            unit=f"s for {count} registrations",
            notes=notes_of(days, floors, count=count),
        )
    ]


def seconds_of(floor: FloorReport) -> float:
    """Return the seconds of all parts of the floor."""
    return floor.decode_s + floor.copy_s + floor.get_s + floor.effects_s


async def _round(stand: Stand, path: str, count: int) -> tuple[Day, FloorReport]:
    async with stand.database() as database, stand.case_database() as case_database:
        async with (
            stand.routing(database) as routing,
            stand.case_systems(routing, database=case_database) as systems,
        ):
            day = await live_day(stand, routing, systems, path=path, count=count)
        await check_day(database, systems, count=count)
        return day, await floor_of(stand, database, systems, path=path)


async def live_day(
    stand: Stand, routing: Routing, systems: CaseSystems, *, path: str, count: int
) -> Day:
    """Live one round through: from the first call until the last effect is stored."""
    pids = {"routing-api": routing.process.pid, "case-systems": systems.pid}
    before = {name: processor_s(pid) or 0.0 for name, pid in pids.items()}
    server_before_s = stand.processor_s()
    sending = asyncio.create_task(send_people(stand, routing, path=path))
    ended_at_s = await _consumed(systems, sending, count=count)
    sent = await sending
    assert (sent.created, sent.failed, sent.replayed) == (count, 0, 0), sent
    used = {name: (processor_s(pid) or 0.0) - before[name] for name, pid in pids.items()}
    peaks = {name: peak_memory_mib(pid) or 0 for name, pid in pids.items()}
    return Day(
        seconds=ended_at_s - sent.started_at_s,
        sending_s=sent.ended_at_s - sent.started_at_s,
        processor_s={
            **used,
            "sender": sent.spent.processor_s,
            "PostgreSQL": stand.processor_s() - server_before_s,
        },
        peak_mib={**peaks, "sender": sent.spent.peak_mib},
        events=count,
    )


async def send_people(stand: Stand, routing: Routing, *, path: str) -> SendReport:
    """Send a file of registrations for all offices, from a process of its own."""
    job = SendJob(
        path,
        str(stand.folder / "sent"),
        routing.url,
        credentials_of(stand.identity(SENDER), token_url=f"{stand.issuer_url}/token"),
    )
    return await run_job("tests.bench.sender_process", job, kind=SendReport)


async def _consumed(
    systems: CaseSystems, sending: asyncio.Task[SendReport], *, count: int
) -> float:
    """Wait until all effects are stored and return when the last one was."""
    seen, moved_s = -1, time.monotonic()
    async with httpx.AsyncClient() as client:
        while True:
            stage = (await load_status(client, systems.url)).stages["transferred"]
            if stage.count >= count:
                assert stage.last_at_s is not None
                return stage.last_at_s
            if stage.count != seen:
                seen, moved_s = stage.count, time.monotonic()
            if sending.done() and sending.exception() is not None:
                await sending
            assert time.monotonic() - moved_s < STALLED_S_MAX, f"stands at {stage.count}"
            await asyncio.sleep(POLL_S)


async def check_day(database: TestDatabase, systems: CaseSystems, *, count: int) -> None:
    """Assert that nothing is lost or doubled, and that every sum is right."""
    routing = await asyncpg.connect(database.owner_url)
    held = await asyncpg.connect(systems.owner_url)
    counts = dict(await routing.fetchrow(COUNTS) or {})
    assert counts == {
        "registrations": count,
        "clients": count,
        "decisions": count,
        "transfers": count,
        "events": 2 * count,
        "last_position": 2 * count,
        "for_case_systems": count,
    }, counts
    assert await routing.fetch(OFFERED) == await held.fetch(HELD), "each its own clients"
    await routing.close()
    await held.close()


async def floor_of(
    stand: Stand, database: TestDatabase, systems: CaseSystems, *, path: str
) -> FloorReport:
    """Run the floor on what a round has stored."""
    events = stand.folder / "events.json"
    source = await asyncpg.connect(database.owner_url)
    with events.open("wb") as file:
        async with source.transaction():
            async for row in source.cursor(EVENTS, prefetch=1_000):
                file.write(row["body"] + b",")
    await source.close()
    async with (
        stand.database() as target,
        stand.case_database() as effects,
        serving(
            "tests.bench.bytes_server",
            BytesJob(str(events)),
            log_file=stand.folder / "bytes-server.log",
        ) as server,
    ):
        job = FloorJob(
            path,
            database.owner_url,
            target.owner_url,
            f"http://127.0.0.1:{server.port}/",
            systems.owner_url,
            stand.server.url(effects),
        )
        before_s = stand.processor_s()
        floor = await run_job("tests.bench.day_one_floor", job, kind=FloorReport)
        assert floor.event_bytes == events.stat().st_size, "the same bytes"
        assert stand.processor_s() > before_s
        return floor


def notes_of(days: Sequence[Day], floors: Sequence[FloorReport], *, count: int) -> list[str]:
    """Return rates, processor seconds, peaks, and the parts of the floor."""
    rate = count / median(day.seconds for day in days)
    sending = median(day.sending_s for day in days)
    used = {name: median(day.processor_s[name] for day in days) for name in days[0].processor_s}
    peaks = {name: max(day.peak_mib[name] for day in days) for name in days[0].peak_mib}
    parts = {
        "decode": median(floor.decode_s for floor in floors),
        "COPY": median(floor.copy_s for floor in floors),
        "GET": median(floor.get_s for floor in floors),
        "effects": median(floor.effects_s for floor in floors),
    }
    return [
        f"{rate:,.0f} registrations/s, and as many events/s consumed, until the last effect",
        f"sent and decided in {sending:.1f} s",
        f"processor seconds: {_listed(used)}",
        f"in all {1e6 * sum(used.values()) / count:.0f} processor µs per registration",
        f"peak MiB: {', '.join(f'{name} {peak}' for name, peak in peaks.items())}",
        f"floor's seconds: {_listed(parts)}",
        "the case systems leave a busy feed 2 s to fill, which small sizes feel",
    ]


def _listed(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {number:.1f}" for name, number in numbers.items())
