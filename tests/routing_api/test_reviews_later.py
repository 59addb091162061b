from datetime import date

from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing
from tests.routing_api.test_reviews import NOT_ENTITLED, UNKNOWN, a_review, resolve


async def test_a_pilot_question_answered_in_the_new_year_goes_to_the_employment_area(
    routing: Routing,
) -> None:
    routing.clock.pass_days((date(2024, 12, 30) - date(2021, 3, 1)).days)
    asked = await routing.national.registered(
        another_person(
            **UNKNOWN, registered_at="2024-12-30T08:00:00+02:00", effective_on="2024-12-30"
        )
    )
    review_id = asked["review"]["review_id"]
    routing.clock.pass_days(3)

    against = await resolve(routing.office(), review_id, outcome="te_office", facts=NOT_ENTITLED)
    answer = await resolve(routing.office(), review_id, key="k-2", facts=NOT_ENTITLED)

    decision = answer.json()
    recomputed = await routing.office().get(
        f"/decisions/{decision['decision_id']}", params={"recompute": True}
    )
    assert asked["rule_set"]["id"] == "pilot"
    assert against.json()["code"] == "resolution_contradicts_rules"
    assert (decision["decided_by"], decision["effective_on"]) == ("R2", "2025-01-02")
    assert decision["responsible"]["case_system_id"].startswith("cs-ta")
    assert recomputed.json()["recomputed"]["is_equal"] is True


async def test_a_municipality_that_ended_while_the_question_was_open_is_told_and_replayed(
    routing: Routing,
) -> None:
    routing.clock.pass_days((date(2024, 12, 30) - date(2021, 3, 1)).days)
    asked = await routing.national.registered(
        another_person(
            **UNKNOWN,
            registered_at="2024-12-30T08:00:00+02:00",
            effective_on="2024-12-30",
            person__home_municipality_code="588",
        )
    )
    review_id, office = asked["review"]["review_id"], routing.national
    routing.clock.pass_days(3)

    refused = await resolve(office, review_id, facts=NOT_ENTITLED)
    answer = await resolve(office, review_id, key="k-2", facts={"home_municipality_code": "507"})
    replay = await resolve(office, review_id, key="k-2", facts={"home_municipality_code": "507"})

    assert (refused.status_code, refused.json()["code"]) == (409, "municipality_not_in_an_area")
    assert answer.json()["responsible"]["municipality_code"] == "507"
    assert replay.content == answer.content


async def test_who_turned_thirty_while_the_question_was_open_is_judged_on_the_day_of_the_answer(
    routing: Routing,
) -> None:
    # Born on 3 March 1991: under 30 on the day asked (1 March 2021), not two days later.
    asked = await routing.office().registered(
        a_registration(
            **UNKNOWN,
            person__identity_code="030391-900V",
            person__home_municipality_basis="protected",
            person__home_municipality_code=None,
        )
    )
    routing.clock.pass_days(2)
    answer = await resolve(
        routing.office(),
        asked["review"]["review_id"],
        outcome="te_office",
        facts={"home_municipality_code": "765", "earnings_related_entitlement": "entitled"},
    )

    grounds = {ground["rule"]: ground for ground in answer.json()["grounds"]}
    assert (answer.json()["decided_by"], grounds["R7b"]["held"]) == ("R9", "no")
    assert grounds["R7b"]["facts"] == {"age_years": 30, "turns_30_on": "2021-03-03"}


async def test_a_refused_resolution_is_on_record_with_the_client_and_may_be_mended(
    routing: Routing,
) -> None:
    asked = await a_review(routing)
    review_id = asked["review"]["review_id"]

    for etag, facts in (
        ('"7"', NOT_ENTITLED),
        ('"1"', {"earnings_related_entitlement": "entitled"}),
    ):
        await resolve(routing.office(), review_id, etag=etag, facts=facts)
    await resolve(routing.office("te-uusimaa"), review_id, facts=NOT_ENTITLED)

    lines = await routing.fetch(
        "SELECT outcome, client_id::text FROM audit WHERE action = 'review.resolved'"
        " ORDER BY audit_id"
    )
    assert [tuple(line) for line in lines] == [
        ("version_differs", asked["client_id"]),
        ("resolution_contradicts_rules", asked["client_id"]),
        ("review_not_found", asked["client_id"]),
    ]
    assert (await resolve(routing.office(), review_id, facts=NOT_ENTITLED)).status_code == 200
