from datetime import UTC, datetime

import pytest
from httpx import Response

from quota_ledger.operations.booking import book
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.posting import Holds
from tests.quota_ledger.accounts import held_leg, posting
from tests.quota_ledger.books import faults_of
from tests.quota_ledger.decided import COST, a_decision, decided, give, know_clients, sender
from tests.quota_ledger.orders import ALLOCATION, OFFICIAL, an_allocation, order, orderer
from tests.quota_ledger.service import Ledger, another_key
from tests.served import Json

PERSONS = 155
OVER = datetime(2023, 1, 1, 6, tzinfo=UTC)
REASON: Json = {"document": ALLOCATION["document"], "reason": "The year is over"}


async def close(
    ledger: Ledger,
    *,
    of: str = "ely-14",
    action: str = "lapse",
    year: int = 2021,
    key: str | None = None,
    official: str = OFFICIAL,
    **changes: Json,
) -> Response:
    caller = ledger.caller(of, "years.read", "years.write")
    headers = {"Idempotency-Key": key or another_key(), "Acting-Official": official}
    return await caller.post(f"/years/{year}:{action}", {**REASON, **changes}, headers=headers)


async def test_what_is_free_lapses_and_what_is_bound_stays(ledger: Ledger) -> None:
    account_id = await give(ledger, cents=2_000_000, persons=PERSONS)
    await know_clients(ledger)
    await decided(sender(ledger), a_decision())
    ledger.clock.now = OVER

    previewed = (await close(ledger, action="preview")).json()
    lapsed = (await close(ledger)).json()

    left = 2_000_000 - COST
    [account] = lapsed["accounts"]
    assert (previewed["cents"], lapsed["cents"]) == (left, left)
    assert (previewed["persons"], lapsed["persons"]) == (PERSONS - 1, PERSONS - 1)
    assert (account["account_id"], account["cents"]) == (account_id, left)
    [row] = await ledger.fetch("SELECT * FROM accounts")
    assert (row["allocated_cents"], row["lapsed_cents"]) == (COST, left)
    assert (row["reserved_cents"], row["is_lapsed"]) == (COST, True)
    assert (row["allocated_persons"], row["reserved_persons"]) == (1, 1)
    [entry] = await ledger.fetch("SELECT * FROM entries WHERE kind = 'lapse'")
    assert (str(entry["entry_id"]), entry["reason"]) == (account["entry_id"], "The year is over")
    assert await faults_of(ledger) == []


async def test_what_is_released_later_lapses_at_once(ledger: Ledger) -> None:
    account_id = await give(ledger, cents=COST)
    await know_clients(ledger)
    await decided(sender(ledger), a_decision())
    ledger.clock.now = OVER
    await close(ledger)
    release = held_leg(account_id, "release", holds=Holds(reserved=-1), reserved_cents=-COST)

    async with ledger.desk.transaction() as connection:
        await book(connection, [posting(release)], moment=ledger.desk.moment())

    [row] = await ledger.fetch("SELECT * FROM accounts")
    sums = (row["allocated_cents"], row["reserved_cents"], row["lapsed_cents"])
    assert sums == (0, 0, COST)
    assert (row["allocated_persons"], row["reserved_persons"]) == (0, 0)
    assert await faults_of(ledger) == []


async def test_persons_lapse_where_no_money_is_left_too(ledger: Ledger) -> None:
    await give(ledger, cents=COST)
    await know_clients(ledger)
    await decided(sender(ledger), a_decision())
    ledger.clock.now = OVER

    lapsed = (await close(ledger)).json()

    assert (lapsed["cents"], lapsed["persons"]) == (0, PERSONS - 1)
    answer = await ledger.caller("ely-14", "balances.read").get("/balances")
    [balance] = answer.json()["items"]
    assert (balance["allocated"]["persons"], balance["available"]["persons"]) == (1, 0)
    before = await ledger.caller("ely-14", "balances.read").get(
        "/balances", params={"on": "2022-12-31"}
    )
    assert before.json()["items"][0]["available"]["persons"] == PERSONS - 1
    assert await faults_of(ledger) == []


async def test_a_lapse_is_told_and_is_no_threshold(ledger: Ledger) -> None:
    await give(ledger, cents=500)
    ledger.clock.now = OVER

    await close(ledger)

    told = [(kind, data) for _, kind, data in await ledger.outbox("ely-14")]
    assert [kind for kind, _ in told] == ["allocation.changed"]
    [(_, data)] = told
    assert (data["kind"], data["amount_cents"], data["available_cents"]) == ("lapse", -500, 0)


@pytest.mark.parametrize("action", ["lapse", "preview"])
async def test_a_year_does_not_lapse_before_the_year_behind_it_has_ended_in_helsinki(
    ledger: Ledger, action: str
) -> None:
    await give(ledger, cents=500)
    ledger.clock.now = datetime(2022, 12, 31, 21, 59, 59, tzinfo=UTC)

    early = await close(ledger, action=action)
    # Midnight in Helsinki is two hours before midnight in UTC.
    ledger.clock.now = datetime(2022, 12, 31, 22, tzinfo=UTC)
    in_time = await close(ledger, action=action)

    assert (early.status_code, early.json()["code"]) == (409, "year_not_over")
    assert (in_time.status_code, in_time.json()["cents"]) == (200, 500)


async def test_a_year_lapses_once_whatever_is_repeated(ledger: Ledger) -> None:
    await give(ledger, cents=500)
    ledger.clock.now = OVER

    first = await close(ledger, key="lapse-2021")
    again = await close(ledger, key="lapse-2021")
    other = await close(ledger, key="lapse-2021", reason="Another reason")
    another = await close(ledger)

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert another.json()["accounts"] == []
    assert await ledger.count("entries") == 2


async def test_an_ely_centre_closes_the_years_of_its_own_areas(ledger: Ledger) -> None:
    await give(ledger, cents=500)
    ledger.clock.now = OVER

    by_others = (await close(ledger, of="ely-01", official="ely-01:u-1; role=decider")).json()

    assert (by_others["accounts"], by_others["cents"]) == ([], 0)
    [row] = await ledger.fetch("SELECT is_lapsed FROM accounts")
    assert not row["is_lapsed"]


async def test_an_account_without_money_is_closed_without_an_entry(ledger: Ledger) -> None:
    key = AccountKey("kainuu", "", "TRAINING", 2021)
    await ledger.reserve(cents=0, key=key)
    ledger.clock.now = OVER

    [account] = (await close(ledger)).json()["accounts"]

    assert (account["cents"], account["entry_id"]) == (0, None)
    [row] = await ledger.fetch("SELECT is_lapsed FROM accounts")
    assert row["is_lapsed"]


async def test_nothing_is_allocated_to_a_year_that_has_lapsed(ledger: Ledger) -> None:
    await give(ledger, cents=500)
    ledger.clock.now = OVER
    await close(ledger)

    addition = an_allocation(kind="addition", valid_from_on="2022-12-01")
    answer = await order(orderer(ledger), "/allocations", addition)

    assert (answer.status_code, answer.json()["code"]) == (409, "year_lapsed")


@pytest.mark.parametrize(
    ("of", "official", "status", "code"),
    [
        ("tem", OFFICIAL, 403, "caller_kind_refused"),
        ("cs-sotkamo", OFFICIAL, 403, "caller_kind_refused"),
        ("ely-14", "ely-14:u-7; role=caseworker", 403, "official_role_refused"),
    ],
)
async def test_only_a_decider_of_an_ely_centre_closes_a_year(
    refusing: Ledger, of: str, official: str, *, status: int, code: str
) -> None:
    answer = await close(refusing, of=of, official=official)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "changes",
    [{"reason": ""}, {"reason": "240587-921N"}, {"document": None}, {"cents": 5}],
    ids=str,
)
async def test_a_bad_lapse_is_refused(refusing: Ledger, changes: dict[str, Json]) -> None:
    answer = await close(refusing, **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")
