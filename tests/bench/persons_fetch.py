"""The row persons-fetch: all who moved, fetched in calls of 1,000, decrypted and audited."""

from collections.abc import Sequence
from statistics import median

import asyncpg
import msgspec
from msgspec import Struct

from kuntavayla.register import load_register
from kuntavayla_sandbox.processes import peak_memory_mib, processor_s
from tests.bench.children import run_job
from tests.bench.day_one import send_people
from tests.bench.load_process import LoadReport
from tests.bench.people import DAY, people_file, registrations_wanted
from tests.bench.persons_floor import FetchCall, PersonsFloorJob, PersonsFloorReport
from tests.bench.requests import request_of, run_load
from tests.bench.results import Result, result_of, rounds_wanted
from tests.bench.stand import Routing, Stand, standing

ITEMS_MAX = 1_000
CONNECTIONS = 4
"""Calls in flight at once, as the simulated case systems have them."""
OFFERED = (
    "SELECT case_system_id, transfer_id::text FROM transfers ORDER BY case_system_id, transfer_id"
)
AUDITED = "SELECT count(*) FROM audit WHERE action = 'person.fetch' AND outcome = 'disclosed'"


class Fetching(Struct, frozen=True):
    """One round of the bench."""

    load: LoadReport
    api_s: float
    server_s: float
    api_peak_mib: int


async def run() -> list[Result]:
    """Run the row and return its result."""
    count, rounds = registrations_wanted(), rounds_wanted()
    path = str(people_file(count))
    benches: list[Fetching] = []
    floors: list[PersonsFloorReport] = []
    async with standing() as stand, stand.database() as database:
        async with stand.routing(database) as routing:
            sent = await send_people(stand, routing, path=path)
            assert sent.created == count, sent
            calls = await _calls(database.owner_url)
            for number in range(rounds):
                benches.append(await _fetch(stand, routing, calls, count=count))
                floors.append(await _floor(stand, routing, calls, count=count))
                print(
                    f"persons-fetch {number + 1}: {benches[-1].load.seconds:.1f} s, floor"
                    f" {floors[-1].seconds:.1f} s"
                )
        connection = await asyncpg.connect(database.owner_url)
        assert await connection.fetchval(AUDITED) == 2 * rounds * count, "every disclosure audited"
        await connection.close()
    return [
        result_of(
            "persons-fetch",
            [one.load.seconds for one in benches],
            [one.seconds for one in floors],
            unit=f"s for {count} persons",
            notes=_notes(benches, floors, calls=len(calls), count=count),
        )
    ]


async def _calls(owner_url: str) -> list[FetchCall]:
    register = load_register()
    connection = await asyncpg.connect(owner_url)
    by_system: dict[str, list[str]] = {}
    for case_system_id, transfer_id in await connection.fetch(OFFERED):
        by_system.setdefault(case_system_id, []).append(transfer_id)
    await connection.close()
    calls: list[FetchCall] = []
    for case_system_id, transfer_ids in by_system.items():
        system = register.case_system(case_system_id)
        assert system is not None
        code = system.municipality_codes(on=DAY)[0]
        calls += [
            FetchCall(case_system_id, code, transfer_ids[first : first + ITEMS_MAX])
            for first in range(0, len(transfer_ids), ITEMS_MAX)
        ]
    return calls


def _request(stand: Stand, call: FetchCall) -> bytes:
    body = {
        "purpose": "client_service",
        "acting_official": {
            "official_id": "system",
            "role": "import",
            "municipality_code": call.municipality_code,
        },
        "transfer_ids": call.transfer_ids,
    }
    authorization = stand.authorization(call.case_system_id)
    return request_of("/persons:fetch", msgspec.json.encode(body), authorization=authorization)


async def _fetch(
    stand: Stand, routing: Routing, calls: Sequence[FetchCall], *, count: int
) -> Fetching:
    requests = [_request(stand, call) for call in calls]
    pid = routing.process.pid
    before, server_before = processor_s(pid) or 0.0, stand.processor_s()
    load = await run_load(
        requests,
        stand.folder,
        ports=[routing.process.port],
        connections=CONNECTIONS,
        counted='"result":"disclosed"',
    )
    assert load.statuses == {"200": len(calls)}, load.statuses
    assert load.counted == count, "everybody disclosed"
    return Fetching(
        load,
        (processor_s(pid) or 0.0) - before,
        stand.processor_s() - server_before,
        peak_memory_mib(pid) or 0,
    )


async def _floor(
    stand: Stand, routing: Routing, calls: Sequence[FetchCall], *, count: int
) -> PersonsFloorReport:
    path = stand.folder / "fetch-calls.msgpack"
    path.write_bytes(msgspec.msgpack.encode(calls))
    floor = await run_job(
        "tests.bench.persons_floor",
        PersonsFloorJob(str(path)),
        kind=PersonsFloorReport,
        environment=routing.settings,
    )
    assert floor.persons == count, "the same persons"
    return floor


def _notes(
    benches: Sequence[Fetching], floors: Sequence[PersonsFloorReport], *, calls: int, count: int
) -> list[str]:
    seconds = median(one.load.seconds for one in benches)
    api, server = (
        1e6 * median(one.api_s for one in benches) / count,
        1e6 * median(one.server_s for one in benches) / count,
    )
    floor = 1e6 * median(one.processor_s for one in floors) / count
    return [
        f"{count / seconds:,.0f} persons/s in {calls} calls, {CONNECTIONS} at once",
        f"{benches[0].load.answer_bytes / count:.0f} bytes a person",
        f"processor µs per person: routing-api {api:.0f}, PostgreSQL {server:.0f}",
        f"floor's own processor µs per person: {floor:.0f}",
        f"peak MiB: routing-api {max(one.api_peak_mib for one in benches)}",
    ]
