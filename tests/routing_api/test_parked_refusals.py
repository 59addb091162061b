import pytest

from tests.routing_api.inbound import CONSUMER, OPERATOR, REASON, repair
from tests.routing_api.service import OPERATOR_SCOPES, Routing
from tests.served import Json

NOBODY = "0177f6f0-9d20-76b5-8a23-d5962217bead"
OTHER = "0177f6f0-9d20-76b5-8a23-d5962217beae"
CODE = "240587-921N"
READS = [("GET", "/parked-messages"), ("GET", f"/parked-messages/{NOBODY}")]
WRITES: list[tuple[str, Json]] = [
    (f"/parked-messages/{NOBODY}:retry", REASON),
    (f"/parked-messages/{NOBODY}:skip", REASON),
    (f"/parked-messages/{NOBODY}:edit", {**REASON, "body": "{}"}),
    ("/parked-messages:retry", {**REASON, "expected_count": 1}),
    ("/parked-messages:skip", {**REASON, "expected_count": 1}),
    (f"/consumers/{CONSUMER}:start", REASON),
]
WRITE_IDS = [path.replace(NOBODY, "id") for path, _ in WRITES]


@pytest.mark.parametrize(("path", "body"), WRITES, ids=WRITE_IDS)
async def test_a_repair_needs_a_key_an_official_of_the_operator_and_a_reason(
    refusing: Routing, path: str, *, body: Json
) -> None:
    operator = refusing.operator
    auditor = refusing.caller("auditor", *OPERATOR_SCOPES)
    read_only = refusing.caller("operator", "parked-messages.read")
    nobody = {"Acting-Official": ""}
    by_auditor = {"Acting-Official": "operator:u-1; role=auditor"}

    told = [
        (answer.status_code, answer.json()["code"])
        for answer in (
            await repair(operator, path, body, key=None),
            await repair(operator, path, body, **nobody),
            await repair(operator, path, body, **by_auditor),
            await repair(auditor, path, body),
            await repair(read_only, path, body),
            await repair(operator, path, {**body, "reason": ""}),
            await repair(operator, path, {**body, "reason": f"for {CODE}"}),
            await repair(operator, path, {**body, "more": 1}),
        )
    ]

    assert told == [
        (400, "idempotency_key_missing"),
        (400, "acting_official_missing"),
        (403, "official_role_refused"),
        (403, "caller_kind_refused"),
        (403, "scope_missing"),
        (422, "invalid_content"),
        (422, "invalid_content"),
        (422, "invalid_content"),
    ]


@pytest.mark.parametrize("path", [path for _, path in READS], ids=["list", "one"])
async def test_a_reading_needs_an_official_of_the_operator(refusing: Routing, path: str) -> None:
    stranger = refusing.caller("te-kainuu", *OPERATOR_SCOPES)

    told = [
        (answer.status_code, answer.json()["code"])
        for answer in (
            await refusing.operator.get(path),
            await stranger.get(path, headers=OPERATOR),
        )
    ]

    assert told == [(400, "acting_official_missing"), (403, "caller_kind_refused")]


@pytest.mark.parametrize(("path", "body"), WRITES[:3], ids=WRITE_IDS[:3])
async def test_a_message_that_is_not_there_is_not_found(
    refusing: Routing, path: str, *, body: Json
) -> None:
    answer = await repair(refusing.operator, path, body)
    shown = await refusing.operator.get(f"/parked-messages/{NOBODY}", headers=OPERATOR)

    assert (answer.status_code, answer.json()["code"]) == (404, "parked_message_not_found")
    assert (shown.status_code, shown.json()["code"]) == (404, "parked_message_not_found")


@pytest.mark.parametrize(
    "query",
    ["consumer=a%00b", "key=%0a", "state=lost", "after=x", f"key={'k' * 101}", "limit=1001"],
)
async def test_parameters_that_nothing_could_match_are_refused(
    refusing: Routing, query: str
) -> None:
    answer = await refusing.operator.get(f"/parked-messages?{query}", headers=OPERATOR)

    assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    "body",
    [
        {"body": "a" * 65_537},
        {"body": "{}", "headers": [{"name": "Ä", "value": "x"}]},
        {"body": "{}", "headers": [{"name": "a", "value": "x"}] * 51},
        {"body": "a\x00"},
        {"body": None},
    ],
    ids=["too long", "header name", "too many headers", "nul", "null"],
)
async def test_an_edit_is_bounded(refusing: Routing, body: Json) -> None:
    path = f"/parked-messages/{NOBODY}:edit"

    answer = await repair(refusing.operator, path, {**REASON, **body})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_content")


async def test_a_message_of_ours_is_not_edited_and_one_of_an_unknown_consumer_not_handled(
    routing: Routing,
) -> None:
    for parked_id, consumer, speaker in (
        (NOBODY, CONSUMER, "ours"),
        (OTHER, "another", "ours"),
    ):
        await routing.fetch(
            "INSERT INTO inbox_parked (parked_id, consumer, stream, place, sequence, key, speaker,"
            " content, state, reason, attempts, parked_at)"
            " VALUES ($1, $2, 's', 's/0/1', '', 'k', $3, '', 'parked', 'x', 1, now())",
            parked_id,
            consumer,
            speaker,
        )

    edited = await repair(
        routing.operator, f"/parked-messages/{NOBODY}:edit", {**REASON, "body": "{}"}
    )
    unknown = await repair(routing.operator, f"/parked-messages/{OTHER}:retry", REASON)
    shown = await routing.operator.get(f"/parked-messages/{OTHER}", headers=OPERATOR)

    assert (edited.status_code, edited.json()["code"]) == (409, "message_not_editable")
    for answer in (unknown, shown):
        assert (answer.status_code, answer.json()["code"]) == (409, "consumer_unknown")


async def test_what_was_parked_cannot_be_deleted_by_the_service(routing: Routing) -> None:
    rows = await routing.fetch(
        "SELECT has_table_privilege('routing_api', 'inbox_parked', 'DELETE') AS may"
    )

    assert not rows[0]["may"]
