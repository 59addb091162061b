"""Reservations near their end and behind it, by the legal clock."""

import asyncio
from datetime import UTC, datetime

import asyncpg

from quota_ledger.operations.expiring import EXPIRY_BATCH
from quota_ledger.workers.expiring import expire_all
from tests.quota_ledger.acts import act, acted, changed
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import (
    client_id,
    decided,
    give,
    know_clients,
    send_lines,
    sender,
    training,
)
from tests.quota_ledger.responsibles import CLIENT, responsible
from tests.quota_ledger.service import Ledger

WAIT_S = 30.0
WAITING = """
SELECT count(*) AS count FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def until_waiting(ledger: Ledger, count: int) -> None:
    """Return when so many transactions wait for a lock."""
    async with asyncio.timeout(WAIT_S):
        while (await ledger.fetch(WAITING))[0]["count"] < count:  # noqa: ASYNC110 - rows tell by being read
            await asyncio.sleep(0.02)


async def look(ledger: Ledger) -> int:
    return await expire_all(ledger.desk.pool, law=ledger.desk.law, moment=ledger.desk.moment)


async def told_of(ledger: Ledger, recipient: str = "cs-sotkamo") -> list[tuple[str, str]]:
    """Return channel and type of what was told of decisions, but for their beginning."""
    return [
        (channel, kind)
        for channel, kind, _ in await ledger.outbox(recipient)
        if kind.startswith("decision.") and kind != "decision.reserved"
    ]


async def test_a_reservation_is_warned_of_once_and_then_released(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=310_000, instrument="TRAINING")
    caller = sender(ledger)
    made = await decided(caller, training(1))

    ledger.clock.pass_days(53)
    early = await look(ledger)
    ledger.clock.pass_days(1)
    warned = await look(ledger), await look(ledger)
    ledger.clock.pass_days(7)
    expired = await look(ledger), await look(ledger)

    assert (early, warned, expired) == (0, (1, 0), (1, 0))
    assert await told_of(ledger) == [
        ("common", "decision.expiring"),
        ("common", "decision.expired"),
        ("common", "decision.released"),
    ]
    assert await told_of(ledger, "cs-kajaani") == [("common", "decision.released")]
    [account] = await ledger.fetch("SELECT * FROM accounts")
    assert (account["reserved_cents"], account["reserved_persons"]) == (0, 0)
    read = (await caller.get(f"/decisions/{made['decision_id']}")).json()
    assert (read["state"], read["version"]) == ("expired", 2)
    assert [step["action"] for step in read["steps"]] == ["reserve", "expire"]
    assert [entry["kind"] for entry in read["entries"]] == ["reserve", "expire"]
    assert await faults_of(ledger) == []


async def test_the_end_is_the_end_of_the_day_in_helsinki(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=310_000, instrument="TRAINING")
    await decided(sender(ledger), training(1))
    # Decided on 24 August: the sixtieth day is 23 October, which ends at 21:00 UTC.
    ledger.clock.pass_days(60)
    ledger.clock.pass_hours(14)

    on_the_day = await look(ledger)
    ledger.clock.pass_hours(1)
    behind_it = await look(ledger)

    [row] = await ledger.fetch("SELECT value_on FROM entries WHERE kind = 'expire'")
    assert (on_the_day, behind_it) == (1, 1)
    assert await ledger.fetch("SELECT FROM decisions WHERE state = 'reserved'") == []
    assert str(row["value_on"]) == "2021-10-24"


async def test_what_was_granted_does_not_expire(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=310_000, instrument="TRAINING")
    made = await decided(sender(ledger), training(1))
    await acted(sender(ledger), made, "grant")
    ledger.clock.pass_days(100)

    assert await look(ledger) == 0
    assert await told_of(ledger) == [("common", "decision.granted")]


async def test_a_ban_keeps_the_end_on_the_restricted_feed(ledger: Ledger) -> None:
    await ledger.learn(responsible(client_id=CLIENT, is_restricted=True))
    await give(ledger, cents=310_000, instrument="TRAINING")
    await decided(sender(ledger), training(1))

    ledger.clock.pass_days(55)
    await look(ledger)
    ledger.clock.pass_days(7)
    await look(ledger)

    assert {channel for channel, _ in await told_of(ledger)} == {"restricted"}
    [(channel, kind, data)] = [
        one for one in await ledger.outbox("cs-kajaani") if one[1].startswith("decision.")
    ]
    assert (channel, kind, data["client_id"]) == ("common", "decision.released", None)


async def test_many_expire_batch_by_batch_whoever_else_does_it(ledger: Ledger) -> None:
    clients = [client_id(number) for number in range(20)]
    await know_clients(ledger, *clients)
    many = EXPIRY_BATCH + 100
    await give(ledger, cents=many * 100, instrument="TRAINING")
    bodies = [training(number, cents=100, client_id=clients[number % 20]) for number in range(many)]
    await send_lines(sender(ledger), bodies)
    ledger.clock.pass_days(61)

    await asyncio.gather(look(ledger), look(ledger), look(ledger))

    [account] = await ledger.fetch("SELECT * FROM accounts")
    expired = await ledger.fetch("SELECT FROM entries WHERE kind = 'expire'")
    assert (account["reserved_cents"], account["reserved_persons"]) == (0, 0)
    assert len(expired) == many
    assert await ledger.count("decision_steps") == 2 * many
    assert await faults_of(ledger) == []


async def test_a_grant_at_the_end_is_one_of_both_never_both(ledger: Ledger) -> None:
    await know_clients(ledger)
    await give(ledger, cents=310_000, instrument="TRAINING")
    made = await decided(sender(ledger), training(1))
    ledger.clock.pass_days(61)

    answer, _ = await asyncio.gather(act(sender(ledger), made, "grant"), look(ledger))

    [row] = await ledger.fetch("SELECT state FROM decisions")
    assert answer.status_code in {409, 412}
    assert row["state"] == "expired"
    assert await faults_of(ledger) == []


async def test_a_change_that_draws_another_year_meanwhile_is_left_to_the_next_round(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    ledger.clock.now = datetime(2022, 3, 1, 8, tzinfo=UTC)
    old = await give(ledger, cents=310_000, instrument="TRAINING", year=2021)
    await give(ledger, cents=310_000, instrument="TRAINING", year=2022)
    body = training(
        1,
        decided_on="2022-03-01",
        budget_year=2022,
        period={"starts_on": "2022-04-01", "ends_on": "2022-06-15"},
    )
    made = await decided(sender(ledger), body)
    asked = changed(body, unit_cost_cents=400_000)
    holder = await asyncpg.connect(ledger.database.owner_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("SELECT FROM accounts WHERE account_id = $1 FOR UPDATE", old)

    # The change comes just before the end, and gets the account before the worker does.
    changing = asyncio.create_task(act(sender(ledger), made, "change", **asked))
    await until_waiting(ledger, 1)
    ledger.clock.pass_days(61)
    looking = asyncio.create_task(look(ledger))
    await until_waiting(ledger, 2)
    await transaction.rollback()
    await holder.close()
    answer, _ = await asyncio.gather(changing, looking)
    await look(ledger)

    assert (answer.status_code, answer.json()["reserved_cents"]) == (200, 400_000)
    [row] = await ledger.fetch("SELECT state FROM decisions")
    assert row["state"] == "expired"
    assert await faults_of(ledger) == []
