import asyncio

import asyncpg
import msgspec

from kuntavayla.database import open_pool
from routing_api.operations.overdue import OVERDUE_BATCH
from routing_api.routes.desk import Desk
from routing_api.workers import tell_all_overdue
from tests.builders import another_person
from tests.routing_api.service import Routing
from tests.served import Json


async def tell(routing: Routing) -> int:
    desk: Desk = routing.app.state.desk
    return await tell_all_overdue(desk.pool, moment=desk.moment)


async def overdue(routing: Routing, recipient: str) -> list[tuple[str, Json]]:
    """Return the feed and the data of each `transfer.overdue` of a recipient."""
    events = await routing.outbox(recipient)
    return [(channel, data) for channel, kind, data in events if kind == "transfer.overdue"]


async def test_both_sides_are_told_once_when_the_time_to_acknowledge_has_passed(
    routing: Routing,
) -> None:
    decision = await routing.office().registered(another_person())
    before = await tell(routing)
    routing.clock.pass_days(20)

    first, again = await tell(routing), await tell(routing)

    [(channel, to_case_system)] = await overdue(routing, "cs-sotkamo")
    [(_, to_office)] = await overdue(routing, "te-kainuu")
    assert (before, first, again) == (0, 1, 0)
    assert channel == "common"
    assert to_case_system == to_office
    assert to_case_system == {
        "transfer_id": decision["transfer"]["transfer_id"],
        "client_id": decision["client_id"],
        "clienthood_version": 1,
        "case_system_id": "cs-sotkamo",
        "municipality_code": "765",
        "te_office_code": "te-kainuu",
        "effective_on": "2021-03-01",
        "acknowledge_due_at": decision["transfer"]["acknowledge_due_at"],
    }


async def test_what_was_acknowledged_or_withdrawn_in_time_is_never_overdue(
    routing: Routing,
) -> None:
    acknowledged = await routing.office().registered(another_person())
    item = {
        "transfer_id": acknowledged["transfer"]["transfer_id"],
        "taken_over_at": routing.clock.now.isoformat(),
    }
    await routing.case_system().post("/transfers:acknowledge", {"items": [item]})
    person = another_person()
    await routing.office().registered(person)
    person["source"]["registration_id"] += "-moved"
    person["person"]["home_municipality_code"] = "205"
    routing.clock.tick()
    await routing.office().registered(person)
    routing.clock.pass_days(20)

    told = await tell(routing)

    assert told == 1
    assert await overdue(routing, "cs-sotkamo") == []
    assert len(await overdue(routing, "cs-kajaani")) == 1


async def test_a_client_with_a_security_ban_is_told_of_in_the_restricted_feeds_alone(
    routing: Routing,
) -> None:
    await routing.office().registered(another_person(person__has_security_ban=True))
    routing.clock.pass_days(20)

    await tell(routing)

    told = [*await overdue(routing, "cs-sotkamo"), *await overdue(routing, "te-kainuu")]
    assert [channel for channel, _ in told] == ["restricted", "restricted"]


async def test_an_hour_before_the_deadline_is_not_late_and_an_instant_after_it_is(
    routing: Routing,
) -> None:
    decision = await routing.office().registered(another_person())
    due = msgspec.convert(decision["transfer"]["acknowledge_due_at"], type=type(routing.clock.now))
    routing.clock.now = due
    at_the_deadline = await tell(routing)
    routing.clock.tick()

    after = await tell(routing)

    assert (at_the_deadline, after) == (0, 1)


async def test_many_processes_tell_of_many_transfers_once_each(routing: Routing) -> None:
    count = OVERDUE_BATCH + 40
    await routing.national.register_many(*(another_person() for _ in range(count)))
    routing.clock.pass_days(20)
    desk: Desk = routing.app.state.desk
    pools = [await open_pool(routing.database.url, connections_max=2) for _ in range(4)]

    told = await asyncio.gather(*(tell_all_overdue(pool, moment=desk.moment) for pool in pools))

    rest = await tell(routing)
    for pool in pools:
        await pool.close()
    transfers = [data["transfer_id"] for _, data in await overdue(routing, "cs-sotkamo")]
    assert sum(told) + rest == count
    assert len(transfers) == len(set(transfers)) == count
    assert len(await overdue(routing, "te-kainuu")) == count


async def test_a_transfer_that_is_being_acknowledged_is_left_for_the_next_time(
    routing: Routing,
) -> None:
    decision = await routing.office().registered(another_person())
    routing.clock.pass_days(20)
    transfer_id = decision["transfer"]["transfer_id"]
    connection = await asyncpg.connect(routing.database.owner_url)

    async with connection.transaction():
        await connection.execute(
            "SELECT 1 FROM transfers WHERE transfer_id = $1 FOR UPDATE", transfer_id
        )
        meanwhile = await tell(routing)
    await connection.close()

    assert (meanwhile, await tell(routing)) == (0, 1)


async def test_the_status_counts_late_notices_and_reviews(routing: Routing) -> None:
    unknown = {"situation__earnings_related_entitlement": "unknown"}
    await routing.office().registered(another_person())
    await routing.office().registered(another_person(**unknown))
    before = (await routing.operator.get("/status")).json()
    routing.clock.pass_days(20)

    after = (await routing.operator.get("/status")).json()

    figures = ("overdue_notices", "overdue_reviews", "overdue_transfers")
    assert [before[name] for name in figures] == [0, 0, 0]
    assert [after[name] for name in figures] == [1, 1, 1]
    assert [job["name"] for job in after["jobs"]] == ["figures", "overdue"]
