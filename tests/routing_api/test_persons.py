from tests.builders import a_registration, another_person
from tests.routing_api.service import Routing

UNKNOWN = "0177f6f0-9d20-76b5-8a23-d5962217bead"
OFFICIAL = {
    "official_id": "sotkamo:u-1042",
    "role": "caseworker",
    "municipality_code": "765",
}
REFUSED = {
    "type": "https://docs.kuntavayla.example/problems/not-found",
    "title": "No such transfer for this caller",
    "status": 404,
    "code": "transfer_not_found",
}

EXAMPLE = {
    "result": "disclosed",
    "clienthood_version": 1,
    "person": {
        "identity_code": "240587-921N",
        "family_name": "Esimerkki",
        "given_names": "Aino Testi",
        "service_language_code": "fi",
        "has_interpreter_need": False,
        "has_security_ban": False,
        "contact": {
            "email": "aino.esimerkki@example.org",
            "phone": None,
            "address": {
                "street": "Esimerkkitie 1",
                "postal_code": "88600",
                "post_office": "SOTKAMO",
            },
        },
    },
    "service": {
        "employment_code": "02",
        "employment_code_since_on": "2020-02-17",
        "unemployed_since_on": "2020-02-17",
        "service_code": None,
        "service_line_code": "03",
        "is_joint_service_client": "unknown",
        "is_integration_client": "unknown",
    },
    "plans": [
        {
            "kind_code": "01",
            "made_on": "2020-11-12",
            "review_due_on": "2021-05-12",
            "is_binding_until_revised": True,
        }
    ],
    "open_matters": [],
    "source_client_number": "URA-C-0088123",
}


async def test_a_person_is_disclosed_as_the_contract_says_and_a_stranger_refused(
    routing: Routing,
) -> None:
    decision = await routing.office().registered(a_registration())
    transfer_id = decision["transfer"]["transfer_id"]

    answer = await routing.case_system().post(
        "/persons:fetch",
        {
            "purpose": "client_service",
            "acting_official": OFFICIAL,
            "transfer_ids": [transfer_id, UNKNOWN],
        },
    )

    disclosed, refused = answer.json()["items"]
    known = {"client_id": decision["client_id"], "transfer_id": transfer_id}
    assert disclosed == {**EXAMPLE, **known, "disclosure_id": disclosed["disclosure_id"]}
    assert REFUSED.items() <= refused["problem"].items()
    assert answer.headers["cache-control"] == "no-store"


async def test_each_disclosure_and_each_refusal_is_a_line_of_the_audit(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration())
    transfer_id = decision["transfer"]["transfer_id"]

    await routing.case_system().fetched(transfer_id, UNKNOWN)

    lines = (await routing.operator.get("/audit", params={"organisation": "cs-sotkamo"})).json()
    told = [
        (line["action"], line["outcome"], line["resource_id"], line.get("client_id"))
        for line in lines["items"]
    ]
    assert told == [
        ("person.fetch", "disclosed", transfer_id, decision["client_id"]),
        ("person.fetch", "refused", UNKNOWN, None),
    ]
    assert {
        (line["official_id"], line["official_role"], line["municipality_code"], line["purpose"])
        for line in lines["items"]
    } == {("system", "import", "765", "client_service")}


async def test_neither_citizenship_nor_mother_tongue_reaches_a_case_system(
    routing: Routing,
) -> None:
    decision = await routing.office().registered(
        another_person(person__citizenship_codes=["643"], person__mother_tongue_code="xal")
    )

    [item] = await routing.case_system().fetched(decision["transfer"]["transfer_id"])
    [event] = await routing.case_system().events()

    for told in (str(item), str(event)):
        assert "'643'" not in told
        assert "'xal'" not in told
        assert "citizenship" not in told
        assert "mother_tongue" not in told


async def test_a_fetch_without_purpose_or_with_too_many_items_is_refused(
    refusing: Routing,
) -> None:
    bodies = [
        {"acting_official": OFFICIAL, "transfer_ids": [UNKNOWN]},
        {"purpose": "curiosity", "acting_official": OFFICIAL, "transfer_ids": [UNKNOWN]},
        {"purpose": "client_service", "acting_official": OFFICIAL, "transfer_ids": []},
        {"purpose": "client_service", "acting_official": OFFICIAL, "transfer_ids": ["12"]},
        {
            "purpose": "client_service",
            "acting_official": OFFICIAL,
            "transfer_ids": [UNKNOWN] * 1_001,
        },
    ]

    answers = [await refusing.case_system().post("/persons:fetch", body) for body in bodies]

    pointers = [answer.json()["errors"][0]["pointer"] for answer in answers]
    assert [answer.status_code for answer in answers] == [422] * 5
    assert pointers == ["/purpose", "/purpose", "/transfer_ids", "/transfer_ids/0", "/transfer_ids"]


async def test_a_thousand_persons_come_in_one_call_in_order(routing: Routing) -> None:
    *lines, _ = await routing.office().register_many(*(another_person() for _ in range(1_000)))
    ids = [line["result"]["transfer_id"] for line in lines][::-1]

    items = await routing.case_system().fetched(*ids)

    assert [item["transfer_id"] for item in items] == ids
    assert {item["result"] for item in items} == {"disclosed"}
    assert await routing.count("audit") == 2_000
