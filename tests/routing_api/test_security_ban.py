from typing import Any

from tests.builders import a_registration
from tests.routing_api.service import CASE_SYSTEM_SCOPES, TE_SCOPES, Routing

CONTACT = a_registration()["person"]["contact"]
BANNED = {"person__has_security_ban": True}
COMMON_ONLY = [scope for scope in CASE_SYSTEM_SCOPES if scope != "events.restricted"]


def again(number: int = 2, **changes: object) -> dict[str, Any]:
    return a_registration(source__registration_id=f"URA-R-{number}", **changes)


async def kinds(routing: Routing, recipient: str) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {"common": [], "restricted": []}
    for channel, kind, _ in await routing.outbox(recipient):
        told[channel].append(kind)
    return told


async def test_a_ban_set_later_hides_earlier_transfers_and_reviews_too(routing: Routing) -> None:
    unknown = {"situation__earnings_related_entitlement": "unknown"}
    await routing.national.registered(a_registration(**unknown))
    await routing.national.registered(again(2))
    await routing.national.registered(again(3, person__home_municipality_code="091"))
    await routing.national.registered(again(4, person__home_municipality_code="091", **BANNED))

    without_scope = routing.caller("cs-sotkamo", *COMMON_ONLY)
    rows = await routing.fetch(
        "SELECT is_restricted FROM transfers UNION ALL SELECT is_restricted FROM reviews"
    )
    assert (await without_scope.get("/transfers")).json()["items"] == []
    assert [row["is_restricted"] for row in rows] == [True, True, True]


async def test_a_client_with_a_ban_is_told_of_in_the_restricted_feed_only(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration(**BANNED))

    transfer_id = decision["transfer"]["transfer_id"]
    without_scope = routing.caller("cs-sotkamo", *COMMON_ONLY)
    assert await kinds(routing, "cs-sotkamo") == {
        "common": [],
        "restricted": ["client.transferred"],
    }
    assert await kinds(routing, "internal") == {
        "common": [],
        "restricted": ["responsibility.changed"],
    }
    assert await without_scope.events() == []
    assert (await without_scope.get("/events/restricted")).status_code == 403
    assert (await without_scope.get("/transfers")).json()["items"] == []
    assert (await without_scope.get("/clienthoods")).json()["items"] == []
    [refused] = await without_scope.fetched(transfer_id)
    assert refused["problem"]["code"] == "transfer_not_found"
    [item] = await routing.case_system().fetched(transfer_id)
    assert item["person"]["has_security_ban"] is True
    assert item["person"]["contact"] == {
        "email": None,
        "phone": None,
        "address": CONTACT["address"],
    }
    assert len((await routing.case_system().get("/transfers")).json()["items"]) == 1


async def test_a_ban_closes_the_common_feed_and_its_end_opens_it_again(routing: Routing) -> None:
    office = routing.office()
    first = await office.registered(a_registration())

    await office.registered(again(2, **BANNED))
    await office.registered(again(3, **BANNED, plans=[]))
    await office.registered(again(4, plans=[]))
    await office.registered(again(5))

    told = [
        (channel, kind, data.get("changed_groups"))
        for channel, kind, data in await routing.outbox("cs-sotkamo")
    ]
    assert told == [
        ("common", "client.transferred", None),
        ("common", "client.updated", ["channel"]),
        ("restricted", "client.updated", ["channel"]),
        ("restricted", "client.updated", ["contact"]),
        ("restricted", "client.updated", ["plans"]),
        ("common", "client.updated", ["channel"]),
        ("restricted", "client.updated", ["channel"]),
        ("common", "client.updated", ["contact"]),
        ("common", "client.updated", ["plans"]),
    ]
    internal = await routing.outbox("internal")
    assert [(channel, kind) for channel, kind, _ in internal] == [
        ("common", "responsibility.changed"),
        ("common", "client.updated"),
        ("restricted", "client.updated"),
        ("restricted", "responsibility.changed"),
        ("common", "client.updated"),
        ("restricted", "client.updated"),
        ("common", "responsibility.changed"),
    ]
    assert {data["client_id"] for _, _, data in internal} == {first["client_id"]}


async def test_our_own_services_learn_of_a_ban_also_where_the_office_is_responsible(
    routing: Routing,
) -> None:
    entitled = {"situation__earnings_related_entitlement": "entitled"}
    office = routing.office()
    await office.registered(a_registration())
    await office.registered(again(2, **entitled))

    await office.registered(again(3, **entitled, **BANNED))

    *_, (channel, kind, data) = await routing.outbox("internal")
    assert (channel, kind) == ("restricted", "responsibility.changed")
    assert (data["authority"], data["clienthood_version"]) == ("te_office", 2)


async def test_what_happens_to_a_transfer_under_a_ban_stays_in_the_restricted_feed(
    routing: Routing,
) -> None:
    decision = await routing.office().registered(a_registration())
    await routing.office().registered(again(2, **BANNED))
    transfer_id = decision["transfer"]["transfer_id"]

    await routing.case_system().post(
        "/transfers:acknowledge",
        {"items": [{"transfer_id": transfer_id, "taken_over_at": "2021-03-01T08:01:00+02:00"}]},
    )
    await routing.national.registered(again(3, **BANNED, person__home_municipality_code="091"))

    assert await kinds(routing, "te-kainuu") == {
        "common": [],
        "restricted": ["transfer.acknowledged"],
    }
    assert (await kinds(routing, "cs-sotkamo"))["restricted"][-1] == "client.withdrawn"
    assert (await kinds(routing, "cs-sotkamo"))["common"][-1] == "client.updated"
    assert await kinds(routing, "cs-helsinki") == {
        "common": [],
        "restricted": ["client.transferred"],
    }


async def test_a_hidden_home_goes_to_review_and_only_before_those_who_may_see_it(
    routing: Routing,
) -> None:
    protected = {
        "person__home_municipality_basis": "protected",
        "person__home_municipality_code": None,
    }
    decision = await routing.office().registered(a_registration(**protected, **BANNED))
    without_scope = routing.caller("te-kainuu", *(s for s in TE_SCOPES if "restricted" not in s))

    path = f"/reviews/{decision['review']['review_id']}"
    assert (decision["decided_by"], decision["review"]["reason"]) == ("R3c", "home_protected")
    assert (await without_scope.get("/reviews")).json()["items"] == []
    assert (await without_scope.get(path)).status_code == 404
    assert (await routing.office().get(path)).json()["state"] == "open"
    assert await routing.count("outbox") == 0


async def test_a_client_under_a_ban_is_read_only_by_those_who_may_see_it(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration(**BANNED))
    official = {"Acting-Official": "te:u-1; role=caseworker; office=te-kainuu"}
    without_scope = routing.caller("te-kainuu", *(s for s in TE_SCOPES if "restricted" not in s))

    paths = (
        f"/clients/{decision['client_id']}",
        f"/registrations/{decision['registration_id']}",
        f"/decisions/{decision['decision_id']}",
    )

    seen = [(await routing.office().get(path, headers=official)).status_code for path in paths]
    hidden = [(await without_scope.get(path, headers=official)).status_code for path in paths]
    assert seen == [200, 200, 200]
    assert hidden == [404, 404, 404]


async def test_another_office_that_comes_too_early_is_told_the_day_and_nothing_else(
    routing: Routing,
) -> None:
    await routing.office().registered(a_registration(effective_on="2021-03-10", **BANNED))
    early = again(te_office_code="te-uusimaa", person__home_municipality_code="091")
    elsewhere = routing.office("te-uusimaa")

    answers = [
        await elsewhere.register(early),
        await elsewhere.post("/registrations:preview", early),
    ]

    frame = {"type", "title", "status", "instance", "code", "request_id", "is_retryable", "facts"}
    for answer in answers:
        assert answer.json().keys() == frame
        assert answer.json()["facts"] == {"newest_effective_on": "2021-03-10"}
