"""Decisions as case systems send them, after the agreed examples, and an area that has money."""

from typing import Any

import msgspec
from httpx import Response

from quota_ledger.operations.booking import book, opened
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.allocations import Allocation, AllocationKind, Document
from quota_ledger.rules.booked import Booked, Entry
from quota_ledger.store import allocations
from tests.quota_ledger.accounts import REFS, leg, posting
from tests.quota_ledger.responsibles import CLIENT, OTHER_CLIENT, responsible
from tests.quota_ledger.service import Caller, Ledger, another_key
from tests.served import Json

SCOPES = ("decisions.read", "decisions.write")
OFFICIAL = {"official_id": "sotkamo:u-1007", "role": "decider", "municipality_code": "765"}
PAY_SUBSIDY: Json = {
    "municipal_id": "SOT-PS-2021-0044",
    "instrument": "PAY_SUBSIDY",
    "client_id": CLIENT,
    "municipality_code": "765",
    "area_code": "kainuu",
    "budget_year": 2021,
    "service_code": "60",
    "decided_on": "2021-08-23",
    "period": {"starts_on": "2021-09-01", "ends_on": "2022-06-30"},
    "employer": {"business_id": "9900456-1", "kind": "company", "name": "Esimerkki Oy"},
    "facts": {
        "unemployed_months_in_last_14": 14,
        "unemployed_months_in_last_28": 18,
        "has_reduced_work_capacity": False,
        "wage_cost_cents_per_month": 265_000,
        "holiday_pay_cents": 125_000,
        "working_time_per_mille": 1_000,
        "employment_contract_signed_on": "2021-08-25",
        "aid_scheme": "de_minimis",
        "other_support_cents_per_month": 0,
    },
    "acting_official": OFFICIAL,
}
START_UP_GRANT: Json = {
    "municipal_id": "KAJ-SG-2021-0009",
    "instrument": "START_UP_GRANT",
    "client_id": OTHER_CLIENT,
    "municipality_code": "205",
    "area_code": "kainuu",
    "budget_year": 2021,
    "service_code": "62",
    "decided_on": "2021-08-24",
    "period": {"starts_on": "2021-09-01", "ends_on": "2022-02-28"},
    "employer": None,
    "facts": {"days_per_week_max": 5, "months_granted_before": 0, "is_full_time": True},
    "acting_official": {
        "official_id": "kajaani:u-0210",
        "role": "decider",
        "municipality_code": "205",
    },
}
COST = 1_110_000
"""What the agreed pay subsidy costs, in cents."""


def a_decision(number: int = 44, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return the agreed pay subsidy under a municipal id of its own, with members replaced."""
    return {**PAY_SUBSIDY, "municipal_id": f"SOT-PS-2021-{number:04}", **changes}


def training(number: int = 3, *, cents: int = 310_000, **changes: Any) -> Json:  # noqa: ANN401
    """Return the agreed course at a price, with members replaced."""
    return {
        "municipal_id": f"SOT-TR-2021-{number:04}",
        "instrument": "TRAINING",
        "client_id": CLIENT,
        "municipality_code": "765",
        "area_code": "kainuu",
        "budget_year": 2021,
        "service_code": "0",
        "decided_on": "2021-08-24",
        "procurement": {"ely_code": "14", "course_reference": "ELY14-COURSE-EXAMPLE"},
        "period": {"starts_on": "2021-10-04", "ends_on": "2021-12-17"},
        "places": 1,
        "unit_cost_cents": cents,
        "acting_official": OFFICIAL,
        **changes,
    }


def client_id(number: int) -> str:
    """Return the pseudonym of a client by number."""
    return f"0177ec61-3ab9-7893-923f-{number:012x}"


async def know_clients(ledger: Ledger, *ids: str) -> None:
    """Let the ledger know clients of Sotkamo."""
    await ledger.learn(*(responsible(client_id=one) for one in ids or (CLIENT,)))


async def give(  # noqa: PLR0913 - what an account is of and holds
    ledger: Ledger,
    *,
    cents: int,
    persons: int = 155,
    instrument: str = "PAY_SUBSIDY",
    year: int = 2021,
    municipality: str = "",
    binds_persons: bool = False,
) -> str:
    """Allocate to an account of Kainuu, which is opened for it; return its id."""
    key = AccountKey("kainuu", municipality, instrument, year)
    moment = ledger.desk.moment()
    async with ledger.desk.transaction() as connection:
        ids = await opened(connection, [key], binds_persons=binds_persons, moment=moment)
        kind: AllocationKind = "initial"
        if await allocations.has_initial(connection, ids[key]):
            kind = "addition"
        given = leg(ids[key], kind, allocated_cents=cents, allocated_persons=persons)
        [booked] = (await book(connection, [posting(given)], moment=moment)).outcomes
        assert isinstance(booked, Booked)
        order = _order(booked.entries[0], kind=kind, allocation_id=moment.new_id())
        await allocations.append(connection, order)
    return ids[key]


def _order(entry: Entry, *, kind: AllocationKind, allocation_id: str) -> Allocation:
    """Return the allocation that an entry was booked for, as it is stored."""
    return Allocation(
        allocation_id=allocation_id,
        account_id=entry.balance.account_id,
        kind=kind,
        status="confirmed",
        amount_cents=entry.change.allocated_cents,
        persons=entry.change.allocated_persons,
        valid_from_on=REFS.value_on,
        basis=None,
        document=Document("ELY-KAI-2021-EXAMPLE", REFS.value_on, "ely-14"),
        reason="Money of the area",
        covers_override_id=None,
        entry_id=entry.entry_id,
        organisation=REFS.organisation,
        official_id="ely-14:u-7",
        created_at=entry.booked_at,
    )


def sender(ledger: Ledger, organisation: str = "cs-sotkamo", *more: str) -> Caller:
    """Return a case system that decides."""
    return ledger.caller(organisation, *SCOPES, *more)


async def send(caller: Caller, body: Json, *, key: str | None = None) -> Response:
    """Send a decision under a key of its own, unless one is given."""
    return await caller.post("/decisions", body, headers={"Idempotency-Key": key or another_key()})


async def decided(caller: Caller, body: Json) -> Json:
    """Send a decision that is taken, and return the answer."""
    answer = await send(caller, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def send_lines(caller: Caller, bodies: list[Json], *, query: str = "") -> list[Json]:
    """Send decisions by one bulk call, and return the lines of its answer."""
    content = b"\n".join(msgspec.json.encode(body) for body in bodies)
    answer = await caller.post(
        f"/decisions:bulk{query}", content, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 200, answer.text
    return [msgspec.json.decode(line) for line in answer.content.splitlines()]
