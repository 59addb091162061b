from typing import Any

import asyncpg
import pytest

from kuntavayla.database import Connection
from quota_ledger.operations.booking import Booking, book, opened
from quota_ledger.operations.booking import Ledger as Books
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.booked import Booked
from quota_ledger.rules.posting import Draw, Holds, Posting, Shortage
from quota_ledger.store.bookings import BOOKED_TOGETHER_MAX
from tests.quota_ledger.accounts import KAINUU, draw, held_leg, leg, posting
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import client_id
from tests.quota_ledger.responsibles import CLIENT, OTHER_CLIENT
from tests.quota_ledger.service import Ledger

SOTKAMO = AccountKey("kainuu", "765", "PAY_SUBSIDY", 2021)


async def account(ledger: Ledger, key: AccountKey = KAINUU, *, cents: int = 0) -> str:
    """Open an account with so much."""
    moment = ledger.desk.moment()
    async with ledger.desk.transaction() as connection:
        ids = await opened(connection, [key], binds_persons=False, moment=moment)
        if cents:
            first = posting(leg(ids[key], "initial", allocated_cents=cents))
            await book(connection, [first], moment=moment)
    return ids[key]


async def booked(ledger: Ledger, *postings: Posting | Draw) -> Booking:
    async with ledger.desk.transaction() as connection:
        return await book(connection, postings, moment=ledger.desk.moment())


async def test_a_batch_is_decided_in_order_and_a_smaller_one_may_pass(ledger: Ledger) -> None:
    account_id = await account(ledger, cents=1_000)

    booking = await booked(
        ledger,
        draw(account_id, cents=600),
        draw(account_id, cents=500, client_id=OTHER_CLIENT),
        draw(account_id, cents=400, client_id=OTHER_CLIENT),
    )

    first, second, third = booking.outcomes
    assert isinstance(first, Booked)
    assert second == Shortage(limit="cents", account_id=account_id, needed=500, available=400)
    assert isinstance(third, Booked)
    assert third.entries[0].balance.sums.free_cents == 0
    assert await faults_of(ledger) == []


async def test_an_entry_tells_its_place_what_changed_and_what_is_behind_it(
    ledger: Ledger,
) -> None:
    account_id = await account(ledger, cents=1_000)

    await booked(ledger, draw(account_id, cents=600))

    rows = await ledger.fetch("SELECT * FROM entries ORDER BY position")
    told = [(row["position"], row["kind"], row["reserved_cents"]) for row in rows]
    assert told == [(1, "initial", 0), (2, "reserve", 600)]
    last: Any = rows[-1]
    assert (last["reserved_cents_after"], last["reserved_persons_after"]) == (600, 1)
    assert (str(last["client_id"]), last["organisation"]) == (CLIENT, "ely-14")


@pytest.mark.parametrize("count", [BOOKED_TOGETHER_MAX // 2, BOOKED_TOGETHER_MAX // 2 + 1])
async def test_a_batch_is_written_alike_by_one_statement_and_by_copy(
    ledger: Ledger, count: int
) -> None:
    account_id = await account(ledger, cents=count * 100)

    booking = await booked(
        ledger,
        *(draw(account_id, cents=100, client_id=client_id(number)) for number in range(count)),
    )

    assert all(isinstance(one, Booked) for one in booking.outcomes)
    [row] = await ledger.fetch("SELECT * FROM accounts")
    assert (row["reserved_cents"], row["last_position"]) == (count * 100, count + 1)
    assert await ledger.count("account_clients") == count
    seals = await ledger.fetch("SELECT outcome FROM audit WHERE action = 'entries.booked'")
    assert [one["outcome"] for one in seals] == ["1-1", f"2-{count + 1}"]
    assert await faults_of(ledger) == []


async def test_legs_are_booked_together_or_not_at_all(ledger: Ledger) -> None:
    one, two = await account(ledger, cents=100), await account(ledger, SOTKAMO)

    booking = await booked(
        ledger,
        posting(
            leg(two, "transfer_in", allocated_cents=101),
            leg(one, "transfer_out", allocated_cents=-101),
        ),
    )

    assert booking.outcomes == [Shortage(limit="cents", account_id=one, needed=101, available=100)]
    assert await ledger.count("entries") == 1
    assert await faults_of(ledger) == []


async def test_two_decisions_of_a_client_are_one_person_until_the_last_is_gone(
    ledger: Ledger,
) -> None:
    account_id = await account(ledger, cents=1_000)

    def release(cents: int) -> Posting:
        holds = Holds(reserved=-1)
        return posting(held_leg(account_id, "release", holds=holds, reserved_cents=-cents))

    counted = []
    for one in (
        draw(account_id, cents=100),
        draw(account_id, cents=200),
        release(100),
        release(200),
    ):
        await booked(ledger, one)
        [row] = await ledger.fetch("SELECT reserved_persons FROM accounts")
        counted.append(row["reserved_persons"])

    assert counted == [1, 1, 1, 0]
    assert await faults_of(ledger) == []


async def test_a_threshold_is_told_when_it_is_reached_and_not_again(ledger: Ledger) -> None:
    account_id = await account(ledger, cents=1_000)

    told = []
    for cents in (799, 1, 50, 150):
        booking = await booked(ledger, draw(account_id, cents=cents))
        told.append([crossing.threshold_per_cent for crossing in booking.crossings])

    assert told == [[], [80], [], [100]]


async def test_a_new_limit_lets_a_threshold_be_told_again(ledger: Ledger) -> None:
    account_id = await account(ledger, cents=1_000)
    await booked(ledger, draw(account_id, cents=1_000))

    await booked(ledger, posting(leg(account_id, "addition", allocated_cents=1_000)))
    booking = await booked(ledger, draw(account_id, cents=600))

    assert [crossing.threshold_per_cent for crossing in booking.crossings] == [80]


async def test_a_lapsed_year_gives_nothing_and_what_it_frees_lapses(ledger: Ledger) -> None:
    account_id = await account(ledger, cents=1_000)
    await booked(ledger, draw(account_id, cents=600))
    moment = ledger.desk.moment()

    async with ledger.desk.transaction() as connection:
        books = await Books.locked(connection, [account_id])
        lapse = leg(account_id, "lapse", allocated_cents=-400, lapsed_cents=400)
        books.book(posting(lapse), moment=moment)
        books.lapse(account_id)
        await books.write(connection)
    holds = Holds(reserved=-1)
    booking = await booked(
        ledger,
        draw(account_id, cents=1),
        posting(held_leg(account_id, "release", holds=holds, reserved_cents=-600)),
    )

    [row] = await ledger.fetch("SELECT * FROM accounts")
    assert booking.outcomes[0] == Shortage(
        limit="lapsed", account_id=account_id, needed=1, available=0
    )
    assert (row["allocated_cents"], row["lapsed_cents"]) == (0, 1_000)
    assert await faults_of(ledger) == []


async def test_what_was_written_is_not_written_again(ledger: Ledger) -> None:
    account_id = await account(ledger, cents=1_000)
    moment = ledger.desk.moment()

    async with ledger.desk.transaction() as connection:
        books = await Books.locked(connection, [account_id], client_ids=[CLIENT, OTHER_CLIENT])
        books.book(draw(account_id, cents=800), moment=moment)
        first = await books.write(connection)
        books.book(draw(account_id, cents=50, client_id=OTHER_CLIENT), moment=moment)
        second = await books.write(connection)

    assert [len(crossings) for crossings in (first, second)] == [1, 0]
    assert await ledger.count("entries") == 3
    assert await faults_of(ledger) == []


async def test_what_is_rolled_back_leaves_no_trace(ledger: Ledger) -> None:
    account_id = await account(ledger, cents=1_000)

    async def act(connection: Connection) -> None:
        await book(connection, [draw(account_id, cents=600)], moment=ledger.desk.moment())
        raise RuntimeError

    with pytest.raises(RuntimeError):
        async with ledger.desk.transaction() as connection:
            await act(connection)

    [row] = await ledger.fetch("SELECT reserved_cents, last_position FROM accounts")
    assert (row["reserved_cents"], row["last_position"]) == (0, 1)
    assert await ledger.count("account_clients") == 0


@pytest.mark.parametrize(
    "change",
    [
        "reserved_cents = allocated_cents + 1",
        "committed_cents = -1",
        "paid_excess_cents = 1",
        "binds_persons = true, reserved_persons = 1",
    ],
)
async def test_the_database_is_the_last_guard(ledger: Ledger, change: str) -> None:
    await account(ledger, cents=1_000)
    connection = await asyncpg.connect(ledger.database.owner_url)

    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(f"UPDATE accounts SET {change}")  # noqa: S608 - cases of ours
    finally:
        await connection.close()


@pytest.mark.parametrize("statement", ["UPDATE entries SET reason = 'x'", "DELETE FROM entries"])
async def test_not_even_the_service_itself_can_change_an_entry(
    ledger: Ledger, statement: str
) -> None:
    connection = await asyncpg.connect(ledger.database.url)

    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()
