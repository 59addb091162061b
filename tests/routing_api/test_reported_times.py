"""When an acknowledgement or a notice may say that something happened."""

from collections.abc import Awaitable, Callable

import pytest

from tests.builders import another_person
from tests.routing_api.service import Routing
from tests.served import Json

OFFICIAL = {"official_id": "te:u-1", "role": "caseworker", "office": "te-kainuu"}
NOW = "2021-03-01T08:02:11"
AHEAD = {"effective_on": "2021-03-31"}
Report = Callable[..., Awaitable[list[Json]]]


async def offered(routing: Routing, **changes: object) -> str:
    routing.clock.tick()
    decision = await routing.office().registered(another_person(**changes))
    transfer_id: str = decision["transfer"]["transfer_id"]
    return transfer_id


async def acknowledged(routing: Routing, *items: tuple[str, str]) -> list[Json]:
    body = {"items": [{"transfer_id": id_, "taken_over_at": at} for id_, at in items]}
    answer = await routing.case_system().post("/transfers:acknowledge", body)
    assert answer.status_code == 200, answer.text
    return [told(item) for item in answer.json()["items"]]


async def notified(routing: Routing, *items: tuple[str, str]) -> list[Json]:
    shared = {"channel": "letter", "language_code": "fi"}
    body = {
        "acting_official": OFFICIAL,
        "items": [{**shared, "transfer_id": id_, "notified_at": at} for id_, at in items],
    }
    answer = await routing.office().post("/transfers:notice", body)
    assert answer.status_code == 200, answer.text
    return [told(item) for item in answer.json()["items"]]


def told(item: Json) -> Json:
    problem = item.get("problem")
    return (problem["status"], problem["code"], problem["facts"]) if problem else item["result"]


FUTURE = (422, "reported_in_future", {"ahead_s_max": 300})


@pytest.mark.parametrize("report", [acknowledged, notified])
async def test_the_future_is_refused_but_for_clocks_that_differ_and_neighbours_are_taken(
    routing: Routing, report: Report
) -> None:
    ids = [await offered(routing) for _ in range(3)]
    times = ["2021-03-01T08:07:12+02:00", "2021-03-01T08:07:11+02:00", "2027-01-01T00:00:00Z"]

    answers = await report(routing, *zip(ids, times, strict=True))

    assert answers == [FUTURE, "done", FUTURE]


async def test_a_client_is_taken_over_at_the_earliest_on_the_day_of_the_offer_or_of_effect(
    routing: Routing,
) -> None:
    ahead, late = await offered(routing, **AHEAD), await offered(routing)

    answers = await acknowledged(
        routing,
        (ahead, "2021-02-28T23:59:59+02:00"),
        (ahead, "2021-03-01T00:00:00+02:00"),
        (late, "2021-02-28T23:59:59+02:00"),
    )

    early = (409, "reported_too_early", {"earliest_on": "2021-03-01"})
    assert answers == [early, "done", early]


async def test_where_responsibility_began_before_the_offer_it_was_taken_over_from_then_on(
    routing: Routing,
) -> None:
    routing.clock.pass_days(20)
    transfer_id = await offered(routing, effective_on="2021-03-05")

    answers = await acknowledged(
        routing,
        (transfer_id, "2021-03-04T23:59:59+02:00"),
        (transfer_id, "2021-03-05T00:00:00+02:00"),
    )

    assert answers == [(409, "reported_too_early", {"earliest_on": "2021-03-05"}), "done"]


async def test_a_person_is_told_at_the_earliest_when_the_transfer_could_be_decided(
    routing: Routing,
) -> None:
    transfer_id = await offered(routing)

    answers = await notified(
        routing,
        (transfer_id, "2020-12-30T23:59:59+02:00"),
        (transfer_id, "2020-12-31T00:00:00+02:00"),
    )

    assert answers == [(409, "reported_too_early", {"earliest_on": "2020-12-31"}), "done"]


async def test_what_is_on_record_answers_a_repeat_whatever_time_it_names(routing: Routing) -> None:
    transfer_id = await offered(routing)
    await acknowledged(routing, (transfer_id, f"{NOW}+02:00"))

    answers = await acknowledged(
        routing, (transfer_id, "2027-01-01T00:00:00Z"), (transfer_id, "2001-01-01T00:00:00Z")
    )

    assert answers == ["done", "done"]


async def test_a_refused_time_is_on_record_and_tells_nobody(routing: Routing) -> None:
    transfer_id = await offered(routing)

    await acknowledged(routing, (transfer_id, "2027-01-01T00:00:00Z"))

    lines = await routing.fetch(
        "SELECT outcome FROM audit WHERE action = 'transfer.acknowledged' AND client_id IS NOT NULL"
    )
    assert [line["outcome"] for line in lines] == ["reported_in_future"]
    assert await routing.office().events() == []
