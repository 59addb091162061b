import asyncio
from typing import Any

import pytest
from httpx import Response

from tests.builders import a_registration, another_person
from tests.routing_api.service import Caller, Routing
from tests.served import kind_of

UNKNOWN = {"situation__earnings_related_entitlement": "unknown"}
OFFICER = {"official_id": "te:u-1", "role": "caseworker"}
NOT_ENTITLED = {"earnings_related_entitlement": "not_entitled"}


async def a_review(routing: Routing, **changes: object) -> dict[str, Any]:
    """Register somebody whose entitlement is unknown; return the decision."""
    routing.clock.tick()
    decision: dict[str, Any] = await routing.national.registered(
        another_person(**{**UNKNOWN, **changes})
    )
    assert decision["outcome"] == "review", decision
    return decision


async def resolve(
    caller: Caller,
    review_id: str,
    *,
    key: str = "k-1",
    etag: str | None = '"1"',
    **body: object,
) -> Response:
    content = {"outcome": "municipality", "reason": "Selvitetty.", "acting_official": OFFICER}
    match = {"If-Match": etag} if etag else {}
    return await caller.post(
        f"/reviews/{review_id}:resolve",
        {**content, **body},
        headers={"Idempotency-Key": key, **match},
    )


async def test_a_review_without_or_with_another_version_is_not_resolved(routing: Routing) -> None:
    review_id = (await a_review(routing))["review"]["review_id"]

    missing = await resolve(routing.office(), review_id, etag=None, facts=NOT_ENTITLED)
    other = await resolve(routing.office(), review_id, etag='"7"', facts=NOT_ENTITLED)
    stranger = await resolve(routing.office("te-uusimaa"), review_id, facts=NOT_ENTITLED)
    unknown = await resolve(routing.office(), "0177f6f0-9d20-76b5-8a23-d5962217bead")

    told = [(a.status_code, a.json()["code"]) for a in (missing, other, stranger, unknown)]
    assert told == [
        (428, "if_match_missing"),
        (412, "version_differs"),
        (404, "review_not_found"),
        (404, "review_not_found"),
    ]
    assert await routing.count("idempotency_keys") == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(
            {"facts": {"earnings_related_entitlement": "entitled"}},
            409,
            "resolution_contradicts_rules",
            id="municipality against the rules",
        ),
        pytest.param(
            {"outcome": "te_office", "facts": NOT_ENTITLED},
            409,
            "resolution_contradicts_rules",
            id="office against the rules",
        ),
        pytest.param({"outcome": "review"}, 422, "invalid_content", id="no outcome"),
        pytest.param({"reason": ""}, 422, "invalid_content", id="no reason"),
        pytest.param({"facts": {"age_years": 20}}, 422, "invalid_content", id="no such fact"),
    ],
)
async def test_a_resolution_against_rules_or_form_is_refused_and_may_be_mended(
    routing: Routing, *, body: dict[str, Any], status: int, code: str
) -> None:
    review_id = (await a_review(routing))["review"]["review_id"]

    refused = await resolve(routing.office(), review_id, **body)
    mended = await resolve(routing.office(), review_id, facts=NOT_ENTITLED)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert mended.status_code == 200, mended.text


async def test_a_review_resolved_to_the_municipality_transfers_the_client(routing: Routing) -> None:
    asked = await a_review(routing)
    review_id = asked["review"]["review_id"]
    routing.clock.pass_days(2)

    answer = await resolve(routing.office(), review_id, facts=NOT_ENTITLED)

    decision = answer.json()
    [transferred] = await routing.case_system().events()
    [resolved] = await routing.office().events()
    assert answer.status_code == 200
    assert (decision["decided_by"], decision["cause"]) == ("R7a", "first_entry")
    assert decision["effective_on"] == "2021-03-03"
    assert decision["client_id"] == asked["client_id"]
    assert transferred["data"]["transfer_id"] == decision["transfer"]["transfer_id"]
    assert kind_of(resolved) == "review.resolved"
    assert resolved["data"] == {
        "review_id": review_id,
        "client_id": asked["client_id"],
        "registration_id": asked["registration_id"],
        "decision_id": decision["decision_id"],
        "outcome": "municipality",
    }
    review = (await routing.office().get(f"/reviews/{review_id}")).json()
    assert (review["state"], review["outcome"]) == ("resolved", "municipality")
    assert review["resolving_decision_id"] == decision["decision_id"]
    [item] = await routing.case_system().fetched(decision["transfer"]["transfer_id"])
    assert item["result"] == "disclosed"
    recomputed = await routing.office().get(
        f"/decisions/{decision['decision_id']}", params={"recompute": True}
    )
    assert recomputed.json()["recomputed"]["is_equal"] is True


async def test_a_repeated_resolution_answers_as_the_first_and_another_is_refused(
    routing: Routing,
) -> None:
    review_id = (await a_review(routing))["review"]["review_id"]
    answer = await resolve(routing.office(), review_id, facts=NOT_ENTITLED)

    repeat = await resolve(routing.office(), review_id, facts=NOT_ENTITLED)
    other = await resolve(routing.office(), review_id, outcome="te_office")
    closed = await resolve(routing.office(), review_id, key="k-2", etag='"2"')

    assert (repeat.content, repeat.headers["idempotent-replayed"]) == (answer.content, "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (closed.status_code, closed.json()["code"]) == (409, "review_closed")
    assert len(await routing.case_system().events()) == 1


async def test_a_review_resolved_to_the_office_leaves_the_client_there_without_contact(
    routing: Routing,
) -> None:
    asked = await a_review(routing)

    answer = await resolve(
        routing.office(),
        asked["review"]["review_id"],
        outcome="te_office",
        facts={"earnings_related_entitlement": "entitled"},
    )

    [row] = await routing.fetch("SELECT profile_ciphertext FROM registrations")
    [resolved] = await routing.office().events()
    assert (answer.json()["decided_by"], answer.json()["outcome"]) == ("R9", "te_office")
    assert row["profile_ciphertext"] is None
    assert resolved["data"]["outcome"] == "te_office"


@pytest.mark.parametrize("outcome", ["municipality", "te_office"])
async def test_what_the_rules_leave_open_an_official_decides(
    routing: Routing, outcome: str
) -> None:
    asked = await a_review(
        routing, person__home_municipality_basis="residence", situation__employment_code="04"
    )

    answer = await resolve(routing.office(), asked["review"]["review_id"], outcome=outcome)

    decision = answer.json()
    assert asked["review"]["reason"] == "short_week"
    assert (decision["decided_by"], decision["outcome"]) == ("official", outcome)
    assert decision["grounds"] == asked["grounds"]
    recomputed = await routing.office().get(
        f"/decisions/{decision['decision_id']}", params={"recompute": True}
    )
    assert recomputed.json()["recomputed"] == {
        "is_equal": True,
        "outcome": "review",
        "decided_by": "R6b",
    }


async def test_a_hidden_home_that_is_cleared_up_decides_and_tells_the_owner_of_the_review(
    routing: Routing,
) -> None:
    asked = await routing.office().registered(
        a_registration(
            person__home_municipality_basis="protected", person__home_municipality_code=None
        )
    )

    answer = await resolve(
        routing.office(),
        asked["review"]["review_id"],
        facts={"home_municipality_code": "091"},
    )

    [resolved] = await routing.office().events(channel="restricted")
    [transferred] = await routing.case_system("cs-helsinki").events(channel="restricted")
    assert answer.json()["responsible"]["municipality_code"] == "091"
    assert resolved["data"]["review_id"] == asked["review"]["review_id"]
    assert transferred["data"]["client_id"] == asked["client_id"]
    assert await routing.office("te-uusimaa").events(channel="restricted") == []


async def test_an_unconfirmed_municipality_is_decided_when_its_row_is_confirmed(
    routing: Routing,
) -> None:
    asked = await routing.national.registered(a_registration(person__home_municipality_code="140"))
    review_id, office = asked["review"]["review_id"], routing.office("te-pohjois-savo")

    too_early = await resolve(office, review_id, outcome="te_office")
    confirmed = await routing.confirm_memberships()
    answer = await resolve(office, review_id, key="k-2", etag='"2"')
    other = await routing.national.registered(
        a_registration(
            person__home_municipality_code="140",
            person__identity_code="010190-900P",
            source__registration_id="R-2",
        )
    )

    assert asked["review"]["reason"] == "membership_unconfirmed"
    assert len(confirmed) == 14
    assert too_early.status_code == 200
    assert answer.json()["code"] == "review_closed"
    assert (other["outcome"], other["register_version"]) == ("municipality", "2021-03-01.1")


async def test_a_confirmed_row_lets_a_waiting_review_go_to_the_municipality(
    routing: Routing,
) -> None:
    asked = await routing.national.registered(a_registration(person__home_municipality_code="140"))
    await routing.confirm_memberships()

    answer = await resolve(routing.office("te-pohjois-savo"), asked["review"]["review_id"])

    decision = answer.json()
    [transferred] = await routing.case_system("cs-yla-savo").events()
    assert (decision["decided_by"], decision["outcome"]) == ("R7a", "municipality")
    assert (asked["register_version"], decision["register_version"]) == (
        "2021-03-01.0",
        "2021-03-01.1",
    )
    assert transferred["data"]["municipality_code"] == "140"


async def test_a_newer_registration_supersedes_the_review_and_tells_its_owner(
    routing: Routing,
) -> None:
    asked = await routing.national.registered(a_registration(**UNKNOWN))

    await routing.national.registered(
        a_registration(source__registration_id="R-2", person__home_municipality_code="091")
    )

    review_id = asked["review"]["review_id"]
    review = (await routing.office().get(f"/reviews/{review_id}")).json()
    [resolved] = await routing.office().events()
    late = await resolve(routing.office(), review_id, etag='"2"', facts=NOT_ENTITLED)
    assert review["state"] == "superseded"
    assert resolved["data"]["outcome"] == "superseded"
    assert (late.status_code, late.json()["code"]) == (409, "review_closed")
    assert await routing.office("te-uusimaa").events() == []


async def test_two_officials_who_resolve_at_once_decide_once(routing: Routing) -> None:
    review_id = (await a_review(routing))["review"]["review_id"]

    answers = await asyncio.gather(
        *(
            resolve(routing.office(), review_id, key=key, facts=NOT_ENTITLED)
            for key in ("k-1", "k-1", "k-2", "k-3")
        )
    )

    taken = [answer for answer in answers if answer.status_code == 200]
    refused = {answer.json()["code"] for answer in answers if answer.status_code != 200}
    assert sum("idempotent-replayed" not in answer.headers for answer in taken) == 1
    assert refused <= {"review_closed", "version_differs"}
    assert len(await routing.case_system().events()) == 1
    assert await routing.count("transfers") == 1


async def test_reviews_are_listed_by_state_reason_and_due_day_to_their_owner(
    routing: Routing,
) -> None:
    entitlement = await a_review(routing)
    short_week = await a_review(routing, situation__employment_code="04")
    routing.clock.pass_days(7)
    late = await a_review(routing, effective_on="2021-03-08")
    await resolve(routing.office(), entitlement["review"]["review_id"], facts=NOT_ENTITLED)

    async def listed(caller: Caller, **query: str) -> list[str]:
        answer = await caller.get("/reviews", params=query)
        return [item["review_id"] for item in answer.json()["items"]]

    ids = [item["review"]["review_id"] for item in (entitlement, short_week, late)]
    assert await listed(routing.office()) == ids
    assert await listed(routing.operator) == ids
    assert await listed(routing.office("te-uusimaa")) == []
    assert await listed(routing.office(), state="open") == ids[1:]
    assert await listed(routing.office(), state="resolved") == ids[:1]
    assert await listed(routing.office(), reason="short_week") == [ids[1]]
    assert await listed(routing.office(), state="open", due_before="2021-03-05") == [ids[1]]
    assert (await routing.office().get("/reviews", params={"state": "x"})).status_code == 422
    first = (await routing.office().get("/reviews", params={"limit": 2})).json()
    rest = await listed(routing.office(), limit="2", after=first["next_cursor"])
    assert rest == ids[2:]
    read = await routing.office().get(f"/reviews/{ids[1]}")
    assert (read.headers["etag"], read.json()["owner"]) == ('"1"', "te-kainuu")
    assert read.json()["due_on"] == "2021-03-04"


async def test_the_basis_stays_what_it_was_where_the_home_was_not_in_question(
    routing: Routing,
) -> None:
    asked = await a_review(routing, person__home_municipality_basis="residence")

    answer = await resolve(routing.office(), asked["review"]["review_id"], facts=NOT_ENTITLED)

    grounds = {ground["rule"]: ground for ground in answer.json()["grounds"]}
    assert grounds["R3c"]["facts"] == {"home_municipality_basis": "residence"}
