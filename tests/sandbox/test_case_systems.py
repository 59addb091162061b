from collections.abc import AsyncIterator

import msgspec
import pytest

from kuntavayla.database import Pool
from kuntavayla_sandbox.case_systems.configuration import Work
from kuntavayla_sandbox.case_systems.store import HeldClient
from tests.sandbox.case_system_bench import (
    Bench,
    all_are,
    case_systems_pool,
    event,
    listed,
    states,
    transfer_id,
)


@pytest.fixture(scope="module")
async def pool(server_url: str) -> AsyncIterator[Pool]:
    async with case_systems_pool(server_url) as pool:
        yield pool


async def test_a_transferred_client_is_fetched_and_taken_over(pool: Pool) -> None:
    bench = Bench(pool, "cs-one")
    bench.routing.add(event("transferred", 1, position=1))

    [client] = await bench.work_until(all_are("acknowledged", count=1))

    assert (client.identity_code, client.source_client_number) == ("code-1", "URA-C-1")
    assert bench.routing.acknowledged == [transfer_id(1)]


async def test_events_read_twice_have_effect_once(pool: Pool) -> None:
    bench = Bench(pool, "cs-twice")
    bench.routing.add(event("transferred", 1, position=1), event("transferred", 1, position=1))

    await bench.work_until(all_are("acknowledged", count=1))
    bench.routing.add(event("transferred", 1, position=1), event("transferred", 2, position=2))
    held = await bench.work_until(all_are("acknowledged", count=2))

    assert len(held) == 2
    assert sorted(bench.routing.fetched) == [transfer_id(1), transfer_id(2)]


async def test_work_that_was_cut_off_between_two_steps_is_taken_up(pool: Pool) -> None:
    bench = Bench(pool, "cs-cut", work=Work.EFFECTS)
    bench.routing.add(*[event("transferred", n, position=n) for n in range(1, 6)])
    await bench.work_until(all_are("received", count=5))

    bench.work = Work.ALL
    held = await bench.work_until(all_are("acknowledged", count=5))

    assert len(held) == 5
    assert len(bench.routing.fetched) == 5


async def test_a_withdrawal_read_before_its_transfer_leaves_no_client(pool: Pool) -> None:
    bench = Bench(pool, "cs-crossed", work=Work.EFFECTS)
    bench.routing.add(event("withdrawn", 1, position=9), path="/events/restricted")
    await bench.work_until(all_are("ended", count=1))

    bench.routing.add(event("transferred", 1, position=1), event("transferred", 2, position=2))
    held = await bench.work_until(lambda held: len(held) == 2)

    assert states(held) == ["ended", "received"]


async def test_a_withdrawn_client_is_ended_and_not_fetched_again(pool: Pool) -> None:
    bench = Bench(pool, "cs-ended")
    bench.routing.add(
        event("transferred", 1, position=1),
        event("withdrawn", 1, position=2),
        event("updated", 1, position=3, changed_groups=["contact"]),
    )

    await bench.work_until(all_are("ended", count=1))

    assert bench.routing.fetched == []


async def test_an_update_asks_for_the_person_again(pool: Pool) -> None:
    bench = Bench(pool, "cs-updated")
    bench.routing.add(event("transferred", 1, position=1))
    await bench.work_until(all_are("acknowledged", count=1))

    bench.routing.add(event("updated", 1, position=2, changed_groups=["contact"]))
    await bench.work_until(lambda _: len(bench.routing.fetched) == 2)

    assert bench.routing.acknowledged == [transfer_id(1)]


async def test_a_notice_is_noted(pool: Pool) -> None:
    bench = Bench(pool, "cs-notice", work=Work.EFFECTS)
    bench.routing.add(
        event("transferred", 1, position=1),
        event("notified", 1, position=2, notified_at="2021-03-01T06:05:00.100Z"),
    )

    [client] = await bench.work_until(lambda held: bool(held) and held[0].is_notified)

    assert client.state == "received"


async def test_a_refused_person_is_marked_and_the_others_go_on(pool: Pool) -> None:
    bench = Bench(pool, "cs-refused")
    bench.routing.refused.add(transfer_id(1))
    bench.routing.add(event("transferred", 1, position=1), event("transferred", 2, position=2))

    held = await bench.work_until(lambda held: "acknowledged" in states(held))

    assert states(held) == ["refused", "acknowledged"]


async def test_a_service_that_is_away_is_asked_again(pool: Pool) -> None:
    bench = Bench(pool, "cs-away")
    bench.routing.away_times = 3
    bench.routing.add(event("transferred", 1, position=1))

    await bench.work_until(all_are("acknowledged", count=1))

    assert bench.routing.acknowledged == [transfer_id(1)]


async def test_types_and_fields_from_later_versions_do_no_harm(pool: Pool) -> None:
    bench = Bench(pool, "cs-later", work=Work.EFFECTS)
    bench.routing.add(
        event("moved_to_the_moon", 1, position=1),
        event("transferred", 2, position=2, a_later_field="x"),
    )

    await bench.work_until(all_are("received", count=1))


async def test_clients_of_the_restricted_feed_are_known_as_such(pool: Pool) -> None:
    bench = Bench(pool, "cs-restricted", work=Work.EFFECTS)
    bench.routing.add(event("transferred", 1, position=1), path="/events/restricted")

    [client] = await bench.work_until(all_are("received", count=1))

    assert client.channel == "restricted"


async def test_a_refused_cursor_is_answered_by_the_snapshot_and_the_feeds_go_on_from_there(
    pool: Pool,
) -> None:
    bench = Bench(pool, "cs-resync")
    bench.routing.add(*[event("transferred", n, position=n) for n in (1, 2, 3)])
    await bench.work_until(all_are("acknowledged", count=3))
    # Of what happened meanwhile no event is kept: 1 went, 2 is offered again, 4 and 5 came.
    bench.routing.snapshot = [
        listed(2, state="offered"),
        listed(3, state="acknowledged", notice="given"),
        listed(4, state="offered"),
        listed(5, state="withdrawn"),
    ]
    bench.routing.kept_from = 9
    bench.routing.feeds = {path: [{}] * 9 for path in bench.routing.feeds}
    bench.routing.add(event("transferred", 6, position=10))

    held = await bench.work_until(lambda held: states(held) == ["ended", *["acknowledged"] * 4])

    assert [client.transfer_id for client in held] == [transfer_id(n) for n in (1, 2, 3, 4, 6)]
    assert [client.is_notified for client in held] == [False, False, True, False, False]
    assert sorted(bench.routing.acknowledged[3:]) == [transfer_id(n) for n in (2, 4, 6)]
    assert {transfer_id(n) for n in (2, 3, 4)} <= set(bench.routing.fetched[3:])
    assert bench.routing.snapshots == 1


def test_a_held_client_shows_no_name() -> None:
    fields = {field.name for field in msgspec.structs.fields(HeldClient)}

    assert not fields & {"family_name", "given_names", "contact"}
