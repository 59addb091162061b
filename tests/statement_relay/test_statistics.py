import csv
import io
from typing import Any

import pytest

from kuntavayla.testing import TestDatabase
from kuntavayla.values.statistics import Month
from statement_relay.rules.statistics import TIME_STEPS
from statement_relay.store.statistics import COUNT
from tests.builders import ndjson
from tests.statement_relay.items import OTHER_CLIENT, another_item, responsible
from tests.statement_relay.service import Relay, running_relay

KIND = "JOB_OFFER_NOT_APPLIED"
NOTHING = {
    "delivered": 0,
    "delivered_on_time": 0,
    "delivered_late": 0,
    "overdue": 0,
    "rejected": 0,
    "refused": 0,
    "not_relayed": 0,
    "withdrawn": 0,
    "on_time_percent": None,
    "delivered_within_s_median": None,
    "delivered_within_s_p90": None,
}
END = """
WITH numbered AS (
    SELECT information_id, accepted_at, deliver_by_at,
           row_number() OVER (ORDER BY information_id) AS place
    FROM information
)
UPDATE information AS item
SET state = CASE WHEN place <= 20 THEN 'delivered'
                 WHEN place = 21 THEN 'rejected'
                 WHEN place = 22 THEN 'withdrawn'
                 ELSE item.state END,
    settled_at = CASE WHEN place <= 17 THEN item.accepted_at + place * interval '10.9 seconds'
                      WHEN place <= 20 THEN item.deliver_by_at + interval '1 second'
                      WHEN place <= 22 THEN item.accepted_at END,
    receipt_id = CASE WHEN place <= 20 THEN 'R-1' END,
    received_at = CASE WHEN place <= 20 THEN item.accepted_at END,
    receipt_digest = CASE WHEN place <= 20 THEN item.digest END,
    overdue_at = CASE WHEN place >= 23 THEN item.deliver_by_at END
FROM numbered
WHERE numbered.information_id = item.information_id
"""
"""Ends what was accepted: 17 on time, 3 late, one rejected, one withdrawn, the rest overdue."""


async def figures(relay: Relay, **query: str) -> Any:  # noqa: ANN401 - an answer
    caller = relay.caller("ely-14", "statistics.read")
    return await caller.get("/statistics/information", params={"month": "2021-03", **query})


async def test_a_month_is_told_by_kind_and_area(relay_database: TestDatabase) -> None:
    async with running_relay(relay_database, statistics_rounded_to=1) as relay:
        await relay.learn(responsible())
        for _ in range(3):
            await relay.case_system().sent(another_item())

        march = await figures(relay)

    assert march.json() == {
        "month": "2021-03",
        "rounded_to": 1,
        "target_working_days": 2,
        "items": [
            {"kind": None, "area_code": None, "accepted": 3, **NOTHING},
            {"kind": None, "area_code": "kainuu", "accepted": 3, **NOTHING},
            {"kind": KIND, "area_code": None, "accepted": 3, **NOTHING},
            {"kind": KIND, "area_code": "kainuu", "accepted": 3, **NOTHING},
        ],
    }


async def test_what_came_of_a_months_items_is_counted_and_timed(
    relay_database: TestDatabase,
) -> None:
    async with running_relay(relay_database, statistics_rounded_to=1) as relay:
        await relay.learn(responsible())
        for _ in range(24):
            await relay.case_system().sent(another_item())
        await relay.fetch(END)

        first, *_, last = (await figures(relay)).json()["items"]

    assert first == {
        **NOTHING,
        "kind": None,
        "area_code": None,
        "accepted": 24,
        "delivered": 20,
        "delivered_on_time": 17,
        "delivered_late": 3,
        "overdue": 2,
        "rejected": 1,
        "withdrawn": 1,
        "on_time_percent": 85,
        "delivered_within_s_median": 300,
        "delivered_within_s_p90": 72 * 3_600,
    }
    assert last == {**first, "kind": KIND, "area_code": "kainuu"}


async def test_what_has_no_area_is_in_the_sums_over_areas_alone(
    relay_database: TestDatabase,
) -> None:
    async with running_relay(relay_database, statistics_rounded_to=1) as relay:
        await relay.learn(responsible())
        await relay.case_system().sent(another_item())
        await relay.fetch("UPDATE information SET municipality_code = '478'")

        listed = (await figures(relay)).json()["items"]

    assert [(one["kind"], one["area_code"], one["accepted"]) for one in listed] == [
        (None, None, 1),
        (KIND, None, 1),
    ]


async def test_an_item_refused_or_not_relayed_is_counted_as_such(
    relay_database: TestDatabase,
) -> None:
    async with running_relay(relay_database, statistics_rounded_to=1) as relay:
        for _ in range(2):
            await relay.case_system().sent(another_item(client_id=OTHER_CLIENT))
        await relay.fetch(
            "UPDATE information SET settled_at = accepted_at, state = CASE"
            " WHEN ordinal = (SELECT min(ordinal) FROM information) THEN 'refused'"
            " ELSE 'not_relayed' END"
        )

        first = (await figures(relay)).json()["items"][0]

    assert (first["accepted"], first["refused"], first["not_relayed"]) == (2, 1, 1)


async def test_a_month_without_items_has_one_line_of_nothing(relay: Relay) -> None:
    february = await figures(relay, month="2021-02")

    assert february.json()["items"] == [{"kind": None, "area_code": None, "accepted": 0, **NOTHING}]


async def test_few_items_can_not_be_read_off_the_figures(relay: Relay) -> None:
    await relay.learn(responsible(), responsible(OTHER_CLIENT))
    await relay.case_system().sent(another_item())
    await relay.case_system().sent(another_item(client_id=OTHER_CLIENT))

    answer = await figures(relay)

    assert answer.json()["rounded_to"] == 5
    assert {item["accepted"] for item in answer.json()["items"]} == {0}


async def test_the_same_figures_come_as_csv(relay_database: TestDatabase) -> None:
    async with running_relay(relay_database, statistics_rounded_to=1) as relay:
        await relay.learn(responsible())
        await relay.case_system().sent(another_item())

        told = (await figures(relay, format="json")).json()["items"]
        answer = await figures(relay, format="csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert list(csv.DictReader(io.StringIO(answer.text, newline=""))) == [
        {
            "month": "2021-03",
            **{name: "" if value is None else str(value) for name, value in item.items()},
        }
        for item in told
    ]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        pytest.param({"month": "2021-13"}, "month_malformed", id="no month of the year"),
        pytest.param({"month": "2021-00"}, "month_malformed", id="month nought"),
        pytest.param({"month": "2021-3"}, "parameter_malformed", id="one digit"),
        pytest.param({"month": "1999-01"}, "parameter_malformed", id="another century"),
        pytest.param({"month": "2021-03-01"}, "parameter_malformed", id="a day"),
        pytest.param({"month": ""}, "parameter_malformed", id="empty"),
        pytest.param({"month": "2021-04"}, "month_in_future", id="not begun"),
        pytest.param({"format": "xlsx"}, "value_not_listed", id="another format"),
        pytest.param({"area": "kainuu"}, "unknown_parameter", id="another parameter"),
    ],
)
async def test_what_can_not_be_told_is_refused(
    refusing: Relay, query: dict[str, str], fault: str
) -> None:
    refused = await figures(refusing, **query)

    told = refused.json()
    assert (refused.status_code, told["code"]) == (422, "invalid_content")
    [name] = query
    assert [(one["pointer"], one["code"]) for one in told["errors"]] == [(f"/query/{name}", fault)]


async def test_a_month_is_read_by_its_range_of_ids_alone(relay: Relay) -> None:
    await relay.learn(responsible())
    items = [another_item() for _ in range(500)]
    await relay.case_system().post(
        "/information:bulk", ndjson(*items), headers={"Content-Type": "application/x-ndjson"}
    )
    await relay.fetch("ANALYZE information")
    first_id, next_id = Month.of("2021-02").ids()

    async with relay.desk.transaction() as connection:
        plan = await connection.fetch(
            f"EXPLAIN {COUNT}", first_id, next_id, ["765"], ["kainuu"], TIME_STEPS
        )

    told = "\n".join(row[0] for row in plan)
    assert "pk_information" in told
    assert "Seq Scan on information" not in told


async def test_figures_need_their_scope(refusing: Relay) -> None:
    refused = await refusing.caller("te-kainuu").get(
        "/statistics/information", params={"month": "2021-03"}
    )

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
