"""Month-end snapshots: whatever is dated back or ahead, and whoever books late, no balance lies."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.testing import DatabaseServer, TestDatabase
from kuntavayla.values.calendar import legal_day
from quota_ledger.events import SOURCE
from quota_ledger.operations.booking import book, opened
from quota_ledger.operations.snapshots import make_snapshots
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.balances import NOTHING, Sums
from quota_ledger.rules.posting import Posting
from quota_ledger.store import snapshots, verifying
from quota_ledger.workers.snapshots import snapshot_all
from tests.quota_ledger.accounts import REFS, leg
from tests.quota_ledger.decided import give
from tests.quota_ledger.orders import an_allocation, ordered, orderer
from tests.quota_ledger.service import Ledger, running_ledger
from tests.served import Json

BEGIN = datetime(2021, 8, 20, 6, tzinfo=UTC)
DAYS = [date(2021, month, day) for month in (7, 8, 9, 10, 11, 12) for day in (1, 15, 30)]
EXAMPLES = 30


class Change(Struct, frozen=True):
    """An entry: so long behind the one before, booked by a moment so much older, for a day."""

    passed_h: int
    late_h: int
    shift_days: int
    cents: int
    is_behind_snapshot: bool


CHANGES = st.lists(
    st.builds(
        Change,
        passed_h=st.integers(0, 500),
        late_h=st.integers(0, 60),
        shift_days=st.integers(-70, 70),
        cents=st.integers(1, 1_000),
        is_behind_snapshot=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


class Booked(Struct, frozen=True):
    """What a naive sum needs of an entry."""

    booked_at: datetime
    value_on: date
    sums: Sums


async def book_all(
    connection: Connection, changes: Sequence[Change], *, year: int
) -> tuple[str, list[Booked]]:
    """Book changes of a new account, with snapshots in between; return what was booked."""
    now, booked, account_id = BEGIN, [], ""
    key = AccountKey("kainuu", "", "PAY_SUBSIDY", year)
    for change in changes:
        now += timedelta(hours=change.passed_h)
        if change.is_behind_snapshot:
            await make_snapshots(connection, moment=_moment(now))
        late = _moment(now - timedelta(hours=change.late_h))
        ids = await opened(connection, [key], binds_persons=False, moment=late)
        account_id = ids[key]
        value_on = late.today + timedelta(days=change.shift_days)
        refs = replace(REFS, value_on=value_on)
        one = leg(account_id, "addition", allocated_cents=change.cents, allocated_persons=1)
        await book(connection, [Posting(legs=(one,), refs=refs)], moment=late)
        booked.append(Booked(late.now, value_on, one.change))
    await make_snapshots(connection, moment=_moment(now + timedelta(days=40)))
    return account_id, booked


def _moment(now: datetime) -> Moment:
    return moment_at(lambda: now, source=SOURCE)


def naive(booked: Sequence[Booked], *, on: date, known_at: datetime | None) -> Sums:
    """Add up what counts, entry by entry."""
    total = NOTHING
    for one in booked:
        if one.value_on <= on and (known_at is None or one.booked_at <= known_at):
            total = total.plus(one.sums)
    return total


async def hold(connection: Connection, changes: Sequence[Change], *, year: int) -> None:
    """Compare every day as known at several instants with a naive sum, and verify snapshots."""
    account_id, booked = await book_all(connection, changes, year=year)
    known: list[datetime | None] = [None, *(one.booked_at for one in booked)]
    known += [one.booked_at - timedelta(hours=1) for one in booked]
    for on, known_at in itertools.product((*DAYS, date.max), known):
        found = await snapshots.sums_as_of(
            connection,
            [account_id],
            on=on,
            known_at=known_at,
            known_on=None if known_at is None else legal_day(known_at),
        )
        assert found[account_id] == naive(booked, on=on, known_at=known_at), (on, known_at)
    assert await verifying.list_differences(connection, "snapshot_differs") == []


def test_no_balance_of_any_day_lies_whatever_was_dated_how(databases: DatabaseServer) -> None:
    years = itertools.count(2021)
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        given_one = databases.database("quota_ledger", role="quota_ledger")
        database = runner.run(stack.enter_async_context(given_one))
        connection = runner.run(asyncpg.connect(database.url))

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
        @given(changes=CHANGES)
        def every_history(changes: Sequence[Change]) -> None:
            runner.run(hold(connection, changes, year=next(years)))

        try:
            every_history()
            made = runner.run(connection.fetchval("SELECT count(*) FROM snapshots"))
            assert made > EXAMPLES
        finally:
            runner.run(connection.close())
            runner.run(stack.aclose())


async def look(ledger: Ledger) -> int:
    return await snapshot_all(ledger.desk.pool, moment=ledger.desk.moment)


async def test_a_month_is_taken_once_when_it_has_ended_in_helsinki(ledger: Ledger) -> None:
    await give(ledger, cents=100)
    # From 24 August, 06:00 UTC: the month ends in Helsinki at 21:00 UTC of the 31st.
    ledger.clock.pass_days(7)
    ledger.clock.pass_hours(14)
    early = await look(ledger)
    ledger.clock.pass_hours(1)
    made = await look(ledger), await look(ledger)

    [row] = await ledger.fetch("SELECT month_end, position FROM snapshots")
    assert (early, made) == (0, (1, 0))
    assert (str(row["month_end"]), row["position"]) == ("2021-08-31", 1)


async def test_without_an_entry_there_is_nothing_to_take(ledger: Ledger) -> None:
    ledger.clock.pass_days(40)

    assert await look(ledger) == 0


async def test_many_processes_take_each_month_once(
    ledger: Ledger, ledger_database: TestDatabase
) -> None:
    await give(ledger, cents=100)
    await give(ledger, cents=100, instrument="TRAINING")
    ledger.clock.pass_days(100)
    async with running_ledger(ledger_database) as other:
        other.clock.pass_days(100)
        made = await asyncio.gather(look(ledger), look(other), look(ledger), look(other))

    # August to November, of two accounts.
    assert sum(made) == 8
    assert await ledger.count("snapshots") == 8


async def test_what_is_dated_back_behind_a_snapshot_counts_for_its_day(ledger: Ledger) -> None:
    first = an_allocation()
    await ordered(orderer(ledger), "/allocations", first)
    ledger.clock.pass_days(40)
    await look(ledger)
    known_before = ledger.clock.now
    ledger.clock.pass_hours(1)
    back = an_allocation(kind="addition", amount_cents=500, valid_from_on="2021-08-25", basis=None)
    await ordered(orderer(ledger), "/allocations", back)

    async def shown(query: str) -> int:
        answer = await orderer(ledger).get(f"/balances?area=kainuu&{query}")
        [item] = answer.json()["items"]
        cents: int = item["allocated"]["cents"]
        return cents

    known = known_before.isoformat().replace("+00:00", "Z")
    assert await shown("on=2021-08-31") == first["amount_cents"] + 500
    assert await shown(f"on=2021-08-31&known_at={known}") == first["amount_cents"]
    assert await shown("on=2021-08-24") == first["amount_cents"]
    assert await shown("on=2021-02-28") == 0


async def verified(ledger: Ledger) -> list[Json]:
    answer = await ledger.caller("operator", "verifications.read").post("/verifications", b"")
    differences: list[Json] = answer.json()["differences"]
    return [one for one in differences if one["kind"] == "snapshot_differs"]


async def test_a_snapshot_that_was_changed_is_found(ledger: Ledger) -> None:
    await give(ledger, cents=100)
    ledger.clock.pass_days(20)
    await look(ledger)
    whole = await verified(ledger)

    await ledger.execute("UPDATE snapshots SET sums = jsonb_set(sums, '{booked,0}', '101')")
    [changed] = await verified(ledger)
    await ledger.execute("UPDATE snapshots SET position = 9")
    [moved] = await verified(ledger)

    assert whole == []
    assert changed["of"] == "2021-08-31"
    assert moved["found"] == 9
