import asyncio

import pytest

from kuntavayla.testing import TestDatabase
from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing, running_routing

STORED = ("clients", "registrations", "decisions", "clienthoods", "transfers")


async def stored(routing: Routing) -> list[int]:
    return [await routing.count(table) for table in STORED]


async def test_the_same_key_with_another_body_is_refused_and_changes_nothing(
    routing: Routing,
) -> None:
    office = routing.office()
    await office.register(a_registration(), key="k-1")

    other_name = await office.register(a_registration(person__family_name="Toinen"), key="k-1")
    other_person = await office.register(another_person(), key="k-1")

    for refused in (other_name, other_person):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert await stored(routing) == [1, 1, 1, 1, 1]
    assert len(await routing.case_system().events()) == 1


async def test_a_repeat_answers_as_the_first_call_byte_for_byte(routing: Routing) -> None:
    first = await routing.office().register(a_registration(), key="k-1")
    routing.clock.pass_days(3)

    repeats = [
        await routing.office().register(a_registration(), key=key) for key in ("k-1", '"k-1"')
    ]

    assert [repeat.content for repeat in repeats] == [first.content] * 2
    assert [repeat.status_code for repeat in repeats] == [201, 201]
    assert [repeat.headers["location"] for repeat in repeats] == [first.headers["location"]] * 2
    assert [repeat.headers["idempotent-replayed"] for repeat in repeats] == ["true", "true"]
    assert "idempotent-replayed" not in first.headers
    assert await stored(routing) == [1, 1, 1, 1, 1]
    assert len(await routing.case_system().events()) == 1


async def test_the_same_content_under_another_key_or_in_bulk_answers_as_before(
    routing: Routing,
) -> None:
    first = await routing.office().register(a_registration(), key="k-1")

    again = await routing.office().register(a_registration(), key="k-2")
    third = await routing.office().register(a_registration(), key="k-2")
    line, end = await routing.office().register_many(a_registration())

    assert again.content == third.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert line["result"]["decision_id"] == first.json()["decision_id"]
    assert (line["status"], line["replayed"]) == (201, True)
    assert end["summary"] == {"lines": 1, "created": 0, "replayed": 1, "failed": 0}
    assert await stored(routing) == [1, 1, 1, 1, 1]


async def test_the_same_registration_id_with_other_content_is_refused_and_gives_its_key_back(
    routing: Routing,
) -> None:
    office = routing.office()
    await office.register(a_registration(), key="k-1")

    refused = await office.register(a_registration(person__family_name="Toinen"), key="k-2")
    line, _ = await office.register_many(a_registration(person__family_name="Toinen"))
    freed = await office.register(another_person(), key="k-2")

    assert (refused.status_code, refused.json()["code"]) == (409, "registration_id_reused")
    assert (line["status"], line["problem"]["code"]) == (409, "registration_id_reused")
    assert freed.status_code == 201


async def test_a_key_is_an_organisation_s_own(routing: Routing) -> None:
    one = await routing.office().register(another_person(), key="k-1")
    other = await routing.national.register(another_person(), key="k-1")

    assert (one.status_code, other.status_code) == (201, 201)
    assert one.json()["client_id"] != other.json()["client_id"]


async def test_duplicates_in_flight_at_once_have_one_effect_and_one_answer(
    routing: Routing,
) -> None:
    office = routing.office()

    answers = await asyncio.gather(
        *(office.register(a_registration(), key="k-1") for _ in range(12)),
        *(office.register(a_registration(), key=f"k-{n}") for n in range(2, 8)),
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await stored(routing) == [1, 1, 1, 1, 1]


async def test_duplicates_in_flight_in_two_processes_have_one_effect_and_one_answer(
    database: TestDatabase,
) -> None:
    async with running_routing(database) as one, running_routing(database) as other:
        answers = await asyncio.gather(
            *(
                routing.office().register(a_registration(), key=key)
                for key in ("k-1", "k-2", "k-1", "k-3")
                for routing in (one, other)
            )
        )

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        assert await stored(one) == [1, 1, 1, 1, 1]


async def test_a_refused_duplicate_in_flight_harms_nobody_in_its_batch(routing: Routing) -> None:
    office = routing.office()
    await office.register(a_registration())
    reused = a_registration(person__family_name="Toinen")

    *neighbours, one, other, third = await asyncio.gather(
        office.register(another_person()),
        office.register(another_person()),
        office.register(reused, key="k-1"),
        office.register(reused, key="k-1"),
        office.register(reused, key="k-2"),
    )

    assert [answer.status_code for answer in neighbours] == [201, 201]
    for refused in (one, other, third):
        assert (refused.status_code, refused.json()["code"]) == (409, "registration_id_reused")


async def test_in_one_batch_a_body_that_another_key_refuses_is_still_taken(
    routing: Routing,
) -> None:
    office = routing.office()
    await office.register(another_person(), key="k-1")
    registration = another_person()

    _, refused, other = await asyncio.gather(
        office.register(another_person()),
        office.register(registration, key="k-1"),
        office.register(registration, key="k-2"),
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    repeated = await office.register(registration, key="k-2")
    assert (other.status_code, repeated.status_code) == (201, 201)
    assert repeated.content == other.content
    assert repeated.headers["idempotent-replayed"] == "true"


async def test_an_instant_is_the_same_content_in_every_zone(routing: Routing) -> None:
    first = await routing.office().register(
        a_registration(registered_at="2021-03-01T08:01:50+02:00")
    )

    again = await routing.office().register(a_registration(registered_at="2021-03-01T06:01:50Z"))

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content


async def test_refused_registrations_are_on_record_with_the_client_that_is_known(
    routing: Routing,
) -> None:
    office = routing.office()
    known = await office.registered(a_registration(effective_on="2021-03-10"))
    too_early = a_registration(effective_on="2021-03-09", source__registration_id="URA-R-2")
    reused = a_registration(person__family_name="Toinen")
    of_a_stranger = {**another_person(), "source": a_registration()["source"]}

    await office.register(too_early, key="k-1")
    await office.register(reused, key="k-2")
    await office.register_many(reused, too_early, of_a_stranger)
    await routing.office("te-uusimaa").register_many(a_registration(), another_person())

    lines = await routing.fetch(
        "SELECT organisation, outcome, client_id::text FROM audit"
        " WHERE action = 'registration.decided' ORDER BY audit_id OFFSET 1"
    )
    client_id = known["client_id"]
    assert [tuple(line) for line in lines] == [
        ("te-kainuu", "effective_on_before_newest_decision", client_id),
        ("te-kainuu", "registration_id_reused", client_id),
        ("te-kainuu", "registration_id_reused", client_id),
        ("te-kainuu", "effective_on_before_newest_decision", client_id),
        ("te-kainuu", "registration_id_reused", None),
        ("te-uusimaa", "office_not_yours", client_id),
        ("te-uusimaa", "office_not_yours", None),
    ]
    assert await routing.count("registrations") == 1


async def test_the_keys_of_refused_calls_are_given_back(routing: Routing) -> None:
    office = routing.office()
    await office.register(a_registration(effective_on="2021-03-10"), key="k-1")
    too_early = a_registration(effective_on="2021-03-09", source__registration_id="URA-R-2")

    refused = await office.register(too_early, key="k-2")
    in_time = await office.register({**too_early, "effective_on": "2021-03-10"}, key="k-2")

    assert refused.json()["code"] == "effective_on_before_newest_decision"
    assert refused.json()["facts"] == {"newest_effective_on": "2021-03-10"}
    assert in_time.status_code == 201
    assert await routing.count("idempotency_keys") == 2


async def test_the_same_business_key_twice_in_one_bulk_has_one_effect(routing: Routing) -> None:
    reused = a_registration(person__family_name="Toinen")

    first, again, other, end = await routing.office().register_many(
        a_registration(), a_registration(), reused
    )

    assert (first["status"], again["status"], other["status"]) == (201, 201, 409)
    assert again["result"] == first["result"]
    assert (first.get("replayed"), again["replayed"]) == (None, True)
    assert end["summary"] == {"lines": 3, "created": 1, "replayed": 1, "failed": 1}
    assert await stored(routing) == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("times", [2, 5])
async def test_the_same_person_many_times_in_one_bulk_is_one_client(
    routing: Routing, times: int
) -> None:
    *lines, _ = await routing.office().register_many(
        *(
            a_registration(source__registration_id=f"R-{n}", person__family_name=f"Nimi{n}")
            for n in range(times)
        )
    )

    [transfer_id] = {
        line["result"]["transfer_id"] for line in lines if "transfer_id" in line["result"]
    }
    [fetched] = await routing.case_system().fetched(transfer_id)
    types = [event["type"].split(".")[3] for event in await routing.case_system().events()]
    assert len({line["result"]["client_id"] for line in lines}) == 1
    assert await stored(routing) == [1, times, times, 1, 1]
    assert types == ["transferred"] + ["updated"] * (times - 1)
    assert fetched["person"]["family_name"] == f"Nimi{times - 1}"


async def test_the_keys_of_duplicates_that_are_refused_together_are_given_back(
    routing: Routing,
) -> None:
    office = routing.office()
    await office.register(a_registration(effective_on="2021-03-10"))
    too_early = a_registration(effective_on="2021-03-09", source__registration_id="URA-R-2")

    _, *refused = await asyncio.gather(
        office.register(another_person()),
        office.register(too_early, key="k-1"),
        office.register(too_early, key="k-2"),
    )
    again = [await office.register(too_early, key=key) for key in ("k-1", "k-2")]

    told = {(answer.status_code, answer.json()["code"]) for answer in [*refused, *again]}
    assert told == {(409, "effective_on_before_newest_decision")}
    assert await routing.count("idempotency_keys") == 2
