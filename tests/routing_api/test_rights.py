import asyncpg
import pytest

from tests.builders import a_registration, another_person
from tests.routing_api.service import CASE_SYSTEM_SCOPES, TE_SCOPES, Caller, Routing
from tests.served import OFFICIAL

UNKNOWN = "0177f6f0-9d20-76b5-8a23-d5962217bead"
OFFICER = {"official_id": "te:u-1", "role": "caseworker", "office": "te-kainuu"}


def bearer(routing: Routing, organisation: str, **token: object) -> Caller:
    authorization = routing.issuer.authorization(organisation, *TE_SCOPES, **token)  # type: ignore[arg-type]
    return Caller(routing.client, authorization)


async def test_a_call_without_a_right_token_is_refused_before_it_is_read(routing: Routing) -> None:
    few = [scope for scope in TE_SCOPES if scope != "registrations.write"]
    callers = {
        "token_missing": Caller(routing.client, ""),
        "token_invalid": Caller(routing.client, "Bearer nonsense"),
        "token_expired": bearer(routing, "te-kainuu", lifetime_s=-1),
        "token_wrong_audience": bearer(routing, "te-kainuu", audience="somebody-else"),
        "organisation_unknown": bearer(routing, "te-nowhere"),
        "scope_missing": routing.caller("te-kainuu", *few),
        "caller_kind_refused": routing.caller("cs-sotkamo", *TE_SCOPES),
    }

    answers = {name: await caller.register(b"not even JSON") for name, caller in callers.items()}

    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert {name: answer.json()["code"] for name, answer in answers.items()} == {
        name: name for name in callers
    }
    assert statuses == {name: 401 if name.startswith("token") else 403 for name in callers}
    assert "www-authenticate" in answers["token_expired"].headers
    lines = await routing.fetch("SELECT * FROM audit ORDER BY audit_id")
    assert [(row["organisation"], row["action"], row["outcome"]) for row in lines] == [
        ("te-kainuu", "POST /routing/v1/registrations", "scope_missing"),
        ("cs-sotkamo", "POST /routing/v1/registrations", "caller_kind_refused"),
    ]
    assert [str(row["request_id"]) for row in lines] == [
        answers[row["outcome"]].headers["x-request-id"] for row in lines
    ]


async def test_a_refusal_by_right_names_the_official_and_stays_on_record(routing: Routing) -> None:
    other = {"Acting-Official": "kajaani:u-9; role=caseworker; municipality=205"}
    refused = await routing.case_system().get(f"/clients/{UNKNOWN}", headers=other)
    previewed = await routing.office("te-uusimaa").post("/registrations:preview", a_registration())

    lines = await routing.fetch("SELECT * FROM audit ORDER BY audit_id")

    assert (refused.status_code, previewed.status_code) == (403, 403)
    assert [
        (r["action"], r["outcome"], r["official_id"], r["municipality_code"]) for r in lines
    ] == [
        ("GET /routing/v1/clients/{client_id}", "municipality_not_served", "kajaani:u-9", "205"),
        ("POST /routing/v1/registrations:preview", "office_not_yours", None, None),
    ]


async def test_a_refusal_is_answered_though_its_record_fails(routing: Routing) -> None:
    owner = await asyncpg.connect(routing.database.owner_url)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
            answer = await routing.case_system().register(a_registration())
    finally:
        await owner.close()

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert await routing.count("audit") == 0


@pytest.mark.parametrize(
    "official",
    ["te:u-1; role=caseworker; office=te-uusimaa", "te:u-1; role=decider; office=te-lappi"],
)
async def test_an_office_names_no_official_of_another_office(
    refusing: Routing, official: str
) -> None:
    read = await refusing.office().get(f"/clients/{UNKNOWN}", headers={"Acting-Official": official})
    in_body = await refusing.office().register(
        a_registration(acting_official={**OFFICER, "office": "te-uusimaa"})
    )

    assert (read.status_code, read.json()["code"]) == (403, "office_not_yours")
    assert (in_body.status_code, in_body.json()["code"]) == (403, "office_not_yours")


async def test_an_auditor_resolves_no_review(refusing: Routing) -> None:
    answer = await refusing.office().post(
        f"/reviews/{UNKNOWN}:resolve",
        {
            "outcome": "te_office",
            "reason": "Selvitetty.",
            "acting_official": {**OFFICER, "role": "auditor"},
        },
        headers={"Idempotency-Key": "k-1"},
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "official_role_refused")


async def test_an_office_sends_only_its_own_and_the_national_sender_all(routing: Routing) -> None:
    for path in ("/registrations", "/registrations:preview"):
        answer = await routing.office("te-uusimaa").post(
            path, a_registration(), headers={"Idempotency-Key": "k-1"}
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "office_not_yours")

    taken = await routing.national.register(a_registration())

    assert taken.status_code == 201
    assert await routing.count("registrations") == 1


async def test_another_s_transfer_and_an_unknown_one_are_answered_alike(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration())
    ids = (decision["transfer"]["transfer_id"], UNKNOWN)
    other = routing.case_system("cs-kajaani")

    fetched = await other.fetched(*ids, municipality="205")
    acknowledged = await other.post(
        "/transfers:acknowledge",
        {"items": [{"transfer_id": i, "taken_over_at": "2021-03-01T06:01:00Z"} for i in ids]},
    )
    noticed = await routing.office("te-uusimaa").post(
        "/transfers:notice",
        {
            "acting_official": {**OFFICER, "office": "te-uusimaa"},
            "items": [
                {
                    "transfer_id": i,
                    "channel": "letter",
                    "language_code": "fi",
                    "notified_at": "2021-03-01T06:01:00Z",
                }
                for i in ids
            ],
        },
    )

    for items in (fetched, acknowledged.json()["items"], noticed.json()["items"]):
        own, unknown = ({**item, "transfer_id": ""} for item in items)
        assert own == unknown
        assert (own["result"], own["problem"]["code"]) == ("refused", "transfer_not_found")
        assert own["problem"]["status"] == 404
    assert [e["type"] for e in await routing.case_system().events()] == [
        "fi.kuntavayla.client.transferred.v1"
    ]


async def test_what_is_not_the_caller_s_own_is_not_there(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration())
    official = {"Acting-Official": "te:u-1; role=caseworker"}

    for path, code in (
        (f"/registrations/{decision['registration_id']}", "registration_not_found"),
        (f"/decisions/{decision['decision_id']}", "decision_not_found"),
        (f"/clients/{decision['client_id']}", "client_not_found"),
    ):
        own = await routing.office().get(path, headers=official)
        other = await routing.office("te-uusimaa").get(path, headers=official)
        nobody = await routing.office("te-uusimaa").get(
            f"{path.rpartition('/')[0]}/{UNKNOWN}", headers=official
        )
        assert own.status_code == 200
        assert (other.status_code, other.json()["code"]) == (404, code)
        assert (nobody.status_code, nobody.json()["code"]) == (404, code)

    lines = (await routing.operator.get("/audit")).json()["items"]
    assert [line["outcome"] for line in lines[1:]] == ["disclosed", "refused", "refused"] * 3
    assert (await routing.office("te-uusimaa").get("/transfers")).json()["items"] == []


async def test_the_office_that_registers_reads_its_decision_though_another_is_concerned(
    routing: Routing,
) -> None:
    registration = a_registration(te_office_code="te-uusimaa")
    answer = await routing.office("te-uusimaa").register(registration)

    read = await routing.office("te-uusimaa").get(
        answer.headers["location"].removeprefix("/routing/v1")
    )

    assert (read.status_code, read.content) == (200, answer.content)


@pytest.mark.parametrize(
    ("official", "status", "code"),
    [
        pytest.param(None, 400, "acting_official_missing", id="none"),
        pytest.param("x; role=boss", 400, "acting_official_malformed", id="malformed"),
        pytest.param(
            "u-1; role=caseworker; municipality=205", 403, "municipality_not_served", id="other"
        ),
        pytest.param("u-1; role=caseworker", 403, "municipality_not_served", id="no municipality"),
    ],
)
async def test_personal_data_are_read_only_for_an_official_whose_municipality_is_served(
    refusing: Routing, *, official: str | None, status: int, code: str
) -> None:
    headers = {"Acting-Official": official} if official else {}
    body = {"purpose": "client_service", "transfer_ids": [UNKNOWN]}

    fetched = await refusing.case_system().post("/persons:fetch", body, headers=headers)
    read = await refusing.case_system().get(f"/clients/{UNKNOWN}", headers=headers)

    assert (fetched.status_code, fetched.json()["code"]) == (status, code)
    assert (read.status_code, read.json()["code"]) == (status, code)


async def test_an_office_too_names_its_official(refusing: Routing) -> None:
    calls = {
        "/clients:lookup": {"identity_code": "240587-921N"},
        "/transfers:notice": {
            "items": [
                {
                    "transfer_id": UNKNOWN,
                    "channel": "letter",
                    "language_code": "fi",
                    "notified_at": "2021-03-01T06:01:00Z",
                }
            ]
        },
        f"/reviews/{UNKNOWN}:resolve": {"outcome": "te_office", "reason": "Selvitetty."},
    }

    answers = [
        await refusing.office().post(path, body, headers={"Idempotency-Key": "k-1"})
        for path, body in calls.items()
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (400, "acting_official_missing")
    ] * 3


async def test_a_case_system_sees_its_client_and_no_longer_when_the_client_has_left(
    routing: Routing,
) -> None:
    person = another_person()
    decision = await routing.national.registered(person)
    path, headers = f"/clients/{decision['client_id']}", {"Acting-Official": OFFICIAL}

    before = await routing.case_system().get(path, headers=headers)
    person["person"]["home_municipality_code"] = "091"
    person["source"]["registration_id"] = "moved"
    await routing.national.registered(person)
    after = await routing.case_system().get(path, headers=headers)

    assert (before.status_code, after.status_code) == (200, 404)
    assert before.json()["transfer_id"] == decision["transfer"]["transfer_id"]


async def test_a_caller_of_few_scopes_reaches_only_their_calls(refusing: Routing) -> None:
    feed_only = refusing.caller("cs-sotkamo", "events.read")
    others = [s for s in CASE_SYSTEM_SCOPES if s != "events.read"]

    assert (await feed_only.get("/events")).status_code == 200
    assert (await feed_only.get("/transfers")).json()["code"] == "scope_missing"
    assert (await refusing.caller("cs-sotkamo", *others).get("/events")).status_code == 403
