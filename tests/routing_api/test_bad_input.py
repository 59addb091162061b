import gzip
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from kuntavayla.testing import DatabaseServer
from tests.builders import CHECK_CHARACTERS, a_registration
from tests.routing_api.service import Routing, running_routing

STORED = ("registrations", "clients", "decisions", "clienthoods", "idempotency_keys", "outbox")
BODY = msgspec.json.encode(a_registration())
Content = bytes | dict[str, Any]


async def is_empty(routing: Routing) -> bool:
    return not any([await routing.count(table) for table in STORED])


def a_code(sign: str, *, born: str = "240587", number: str = "921") -> str:
    return f"{born}{sign}{number}{CHECK_CHARACTERS[int(born + number) % 31]}"


def nested(depth: int) -> bytes:
    return BODY[:-1] + b',"plans_of":' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"", {}, 400, "json_malformed", id="no body"),
        pytest.param(b'{"source":', {}, 400, "json_malformed", id="broken JSON"),
        pytest.param(BODY + b"x", {}, 400, "json_malformed", id="text behind the JSON"),
        pytest.param(b'"' + b"\xff" + b'"', {}, 400, "json_malformed", id="not UTF-8"),
        pytest.param(nested(60), {}, 400, "json_malformed", id="nested too deep"),
        pytest.param(nested(9_000), {}, 400, "json_malformed", id="nested far too deep"),
        pytest.param(
            BODY, {"Content-Type": "text/plain"}, 415, "media_type_refused", id="media type"
        ),
        pytest.param(
            BODY,
            {"Content-Type": "application/x-ndjson"},
            415,
            "media_type_refused",
            id="media type of the bulk form",
        ),
        pytest.param(
            BODY, {"Content-Encoding": "br"}, 415, "content_encoding_refused", id="encoding"
        ),
        pytest.param(BODY, {"Content-Encoding": "gzip"}, 400, "gzip_malformed", id="not gzip"),
        pytest.param(
            gzip.compress(b" " * 30_000_000, mtime=0),
            {"Content-Encoding": "gzip"},
            413,
            "body_too_large",
            id="inflated too large",
        ),
        pytest.param(b" " * 2_000_000 + BODY, {}, 413, "body_too_large", id="too large"),
    ],
)
async def test_a_body_that_is_no_registration_is_refused_and_nothing_stored(
    refusing: Routing, *, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await refusing.office().post(
        "/registrations", body, headers={"Idempotency-Key": "k", **headers}
    )

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await is_empty(refusing)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({}, "idempotency_key_missing", id="missing"),
        pytest.param({"Idempotency-Key": ""}, "idempotency_key_malformed", id="empty"),
        pytest.param({"Idempotency-Key": "a b"}, "idempotency_key_malformed", id="with a blank"),
        pytest.param({"Idempotency-Key": "a" * 256}, "idempotency_key_malformed", id="too long"),
    ],
)
async def test_a_registration_without_a_proper_key_is_refused(
    refusing: Routing, *, headers: dict[str, str], code: str
) -> None:
    answer = await refusing.office().post("/registrations", a_registration(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert await is_empty(refusing)


def changed(**changes: object) -> Content:
    return a_registration(**changes)


def replaced(old: bytes, new: bytes) -> Content:
    assert old in BODY
    return BODY.replace(old, new, 1)


FAULTS: list[Any] = [
    pytest.param(
        changed(person__identity_code="240587-921P"),
        "/person/identity_code",
        "identity_code_check_character",
        "240587-921P",
        id="wrong check character",
    ),
    pytest.param(
        changed(person__identity_code="310287-921N"),
        "/person/identity_code",
        "identity_code_no_such_day",
        "310287",
        id="no such day",
    ),
    pytest.param(
        changed(person__identity_code="240587?921N"),
        "/person/identity_code",
        "identity_code_century_sign",
        "240587",
        id="no century sign",
    ),
    pytest.param(
        changed(person__identity_code=a_code("+")),
        "/person/identity_code",
        "identity_code_too_old",
        "240587",
        id="older than 120",
    ),
    pytest.param(
        changed(person__identity_code=a_code("A", born="020321")),
        "/person/identity_code",
        "identity_code_born_in_future",
        "020321",
        id="born on the day after",
    ),
    pytest.param(
        changed(person__identity_code="240587-921"),
        "/person/identity_code",
        "identity_code_malformed",
        "240587",
        id="ten characters",
    ),
    pytest.param(
        changed(person__home_municipality_code=765),
        "/person/home_municipality_code",
        "municipality_code_not_text",
        "765",
        id="code as number",
    ),
    pytest.param(
        changed(person__home_municipality_code="999"),
        "/person/home_municipality_code",
        "municipality_code_unknown",
        "999",
        id="municipality never known",
    ),
    pytest.param(
        changed(person__nickname="Ainokainen"),
        "/person/nickname",
        "unknown_field",
        "Ainokainen",
        id="unknown field",
    ),
    pytest.param(
        changed(effective_on="2021-05-01"),
        "/effective_on",
        "effective_on_too_far_ahead",
        "2021-05-01",
        id="61 days ahead",
    ),
    pytest.param(
        changed(effective_on="2021-01-28"),
        "/effective_on",
        "effective_on_too_far_back",
        "2021-01-28",
        id="32 days back",
    ),
    pytest.param(
        changed(effective_on=None, registered_at="0001-01-01T00:00:00+14:00"),
        "/registered_at",
        "effective_on_too_far_back",
        "0001-01-01",
        id="an instant before the calendar, as the day",
    ),
    pytest.param(
        changed(registered_at="0001-01-01T00:00:00+14:00"),
        "/registered_at",
        "instant_out_of_calendar",
        "0001-01-01",
        id="an instant before the calendar",
    ),
    pytest.param(
        changed(registered_at="9999-12-31T23:59:59-14:00"),
        "/registered_at",
        "instant_out_of_calendar",
        "9999-12-31",
        id="an instant behind the calendar",
    ),
    pytest.param(
        changed(registered_at="2021-03-01T08:01:50"),
        "/registered_at",
        "instant_malformed",
        "08:01:50",
        id="an instant without offset",
    ),
    pytest.param(
        changed(te_office_code="te-kainuu", person__family_name="Salai\u0000nen"),
        "/person/family_name",
        "character_refused",
        "Salai",
        id="NUL",
    ),
    pytest.param(
        replaced(b'"Esimerkki"', b'"Salai\\ud800nen"'),
        "/person/family_name",
        "character_refused",
        "Salai",
        id="lone surrogate",
    ),
    pytest.param(
        replaced(b'"family_name":', b'"family_name":"Salainen","family_name":'),
        "/person/family_name",
        "member_repeated",
        "Salainen",
        id="member given twice",
    ),
    pytest.param(
        changed(source__client_number="240587-921N"),
        "/source/client_number",
        "reference_holds_identity_code",
        "240587-921N",
        id="identity code as client number",
    ),
    pytest.param(
        changed(source__registration_id="ura/240587-921N"),
        "/source/registration_id",
        "reference_holds_identity_code",
        "240587-921N",
        id="identity code in the registration id",
    ),
    pytest.param(
        changed(acting_official={"official_id": "240587-921N", "role": "caseworker"}),
        "/acting_official/official_id",
        "reference_holds_identity_code",
        "240587-921N",
        id="identity code as official",
    ),
]


@pytest.mark.parametrize(("body", "pointer", "code", "value"), FAULTS)
async def test_a_fault_is_told_with_its_place_and_never_with_its_value(
    refusing: Routing, *, body: Content, pointer: str, code: str, value: str
) -> None:
    answer = await refusing.office().post("/registrations", body, headers={"Idempotency-Key": "k"})

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_content"), problem
    assert (pointer, code) in {(fault["pointer"], fault["code"]) for fault in problem["errors"]}
    assert problem["title"] == "The registration has 1 fault"
    assert problem["detail"] == "Nothing was stored."
    assert value not in answer.text
    assert await is_empty(refusing)


async def test_all_faults_are_told_at_once(refusing: Routing) -> None:
    registration = a_registration(
        person__identity_code="240587-921P",
        person__home_municipality_code="999",
        te_office_code="te-kainuu",
        effective_on="2022-01-01",
    )

    answer = await refusing.office().register(registration)

    problem = answer.json()
    assert problem["title"] == "The registration has 3 faults"
    assert {fault["pointer"] for fault in problem["errors"]} == {
        "/person/identity_code",
        "/person/home_municipality_code",
        "/effective_on",
    }
    assert problem["instance"] == "/routing/v1/registrations"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["is_retryable"] is False


async def test_a_test_code_is_refused_where_the_setting_says_so(databases: DatabaseServer) -> None:
    async with (
        databases.database("routing_api", role="routing_api") as database,
        running_routing(database, is_test_code_allowed=False) as routing,
    ):
        answer = await routing.office().register(a_registration())

    [fault] = answer.json()["errors"]
    assert (answer.status_code, fault["code"]) == (422, "identity_code_for_tests_only")


def by_sign(sign: str, *, prefix: str) -> dict[str, Any]:
    born = "240501" if sign in "ABCDEF" else "240587"
    return a_registration(
        person__identity_code=a_code(sign, born=born), source__registration_id=f"{prefix}-{sign}"
    )


async def test_every_century_sign_in_use_is_taken_and_names_a_person_of_its_own(
    routing: Routing,
) -> None:
    signs = "-YXWVUABCDEF"

    one_by_one = [await routing.office().registered(by_sign(sign, prefix="a")) for sign in signs]
    *lines, end = await routing.office().register_many(*(by_sign(s, prefix="b") for s in signs))

    singly = [decision["client_id"] for decision in one_by_one]
    assert [line["result"]["client_id"] for line in lines] == singly
    assert len(set(singly)) == len(signs)
    assert end["summary"] == {"lines": 12, "created": 12, "replayed": 0, "failed": 0}


@pytest.mark.parametrize(
    ("code", "basis", "decided_by", "ground"),
    [
        pytest.param("197", "residence", "R3", "home_municipality_abroad", id="197"),
        pytest.param("198", "residence", "R3", "home_municipality_abroad", id="198"),
        pytest.param("200", "population_register", "R3", "home_municipality_abroad", id="200"),
        pytest.param(None, "none", "R3", "home_municipality_missing", id="none"),
    ],
)
async def test_a_home_abroad_or_none_is_no_fault_but_a_decision(
    routing: Routing, *, code: str | None, basis: str, decided_by: str, ground: str
) -> None:
    registration = a_registration(
        person__home_municipality_code=code, person__home_municipality_basis=basis
    )

    decision = await routing.office().registered(registration)

    held = {item["code"] for item in decision["grounds"] if item["held"] == "yes"}
    assert decision["decided_by"] == decided_by
    assert ground in held
    assert decision["responsible"] == {"authority": "te_office", "te_office_code": "te-kainuu"}


async def test_an_ended_municipality_is_no_fault_but_a_review(routing: Routing) -> None:
    routing.clock.now = datetime(2025, 1, 15, 8, tzinfo=UTC)
    registration = a_registration(
        person__home_municipality_code="588",
        te_office_code="te-kainuu",
        registered_at="2025-01-15T10:00:00+02:00",
        effective_on="2025-01-15",
    )
    area = next(
        item["code"]
        for item in (await routing.operator.get("/areas")).json()["items"]
        if "491" in item["municipality_codes"]
    )

    answer = await routing.national.register({**registration, "te_office_code": area})

    decision = answer.json()
    assert (answer.status_code, decision["decided_by"]) == (201, "R3b"), answer.text
    assert decision["review"]["reason"] == "municipality_not_valid"


async def test_the_fault_of_an_identity_code_is_told_beside_a_fault_of_form(
    routing: Routing,
) -> None:
    registration = a_registration(
        person__identity_code="240587-921A", person__home_municipality_code=49
    )

    answer = await routing.office().register(registration)

    told = [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]
    assert answer.json()["title"] == "The registration has 2 faults"
    assert told == [
        ("/person/identity_code", "identity_code_check_character"),
        ("/person/home_municipality_code", "municipality_code_not_text"),
    ]
