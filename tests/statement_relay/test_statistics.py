import pytest

from kuntavayla.testing import TestDatabase
from tests.statement_relay.items import OTHER_CLIENT, another_item, responsible
from tests.statement_relay.service import Relay, running_relay


async def test_a_month_is_told_by_kind_and_area(relay_database: TestDatabase) -> None:
    async with running_relay(relay_database, statistics_rounded_to=1) as relay:
        await relay.learn(responsible())
        for _ in range(3):
            await relay.case_system().sent(another_item())
        ely = relay.caller("ely-14", "statistics.read")

        march = await ely.get("/statistics/information", params={"month": "2021-03"})
        april = await ely.get("/statistics/information", params={"month": "2021-04"})

    nothing = {
        "delivered": 0,
        "delivered_on_time": 0,
        "rejected": 0,
        "not_relayed": 0,
        "on_time_percent": None,
    }
    kind = "JOB_OFFER_NOT_APPLIED"
    assert march.json() == {
        "month": "2021-03",
        "rounded_to": 1,
        "items": [
            {"kind": None, "area_code": None, "accepted": 3, **nothing},
            {"kind": None, "area_code": "kainuu", "accepted": 3, **nothing},
            {"kind": kind, "area_code": None, "accepted": 3, **nothing},
            {"kind": kind, "area_code": "kainuu", "accepted": 3, **nothing},
        ],
    }
    assert [item["accepted"] for item in april.json()["items"]] == [0]


async def test_few_items_can_not_be_read_off_the_figures(relay: Relay) -> None:
    await relay.learn(responsible(), responsible(OTHER_CLIENT))
    await relay.case_system().sent(another_item())
    await relay.case_system().sent(another_item(client_id=OTHER_CLIENT))

    answer = await relay.caller("te-kainuu", "statistics.read").get(
        "/statistics/information", params={"month": "2021-03"}
    )

    assert answer.json()["rounded_to"] == 5
    assert {item["accepted"] for item in answer.json()["items"]} == {0}


@pytest.mark.parametrize("month", ["2021-13", "2021-00", "2021-3", "1999-01", "march", ""])
async def test_what_is_no_month_is_refused(relay: Relay, month: str) -> None:
    refused = await relay.caller("te-kainuu", "statistics.read").get(
        "/statistics/information", params={"month": month}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_content")


async def test_figures_need_their_scope(relay: Relay) -> None:
    refused = await relay.caller("te-kainuu").get(
        "/statistics/information", params={"month": "2021-03"}
    )

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
