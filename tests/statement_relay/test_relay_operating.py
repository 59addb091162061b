import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from kuntavayla.testing import TestDatabase
from statement_relay.operations.operating import load_figures
from statement_relay.routes.desk import Desk
from statement_relay.workers.figures import FigureGauges, look
from tests.statement_relay.announcing import ITEM, announced
from tests.statement_relay.clients import a_responsibility, know
from tests.statement_relay.items import OTHER_CLIENT, another_item, responsible
from tests.statement_relay.questions import OF_OFFICE, office_of, question
from tests.statement_relay.service import OPERATOR_SCOPES, Relay, running_relay

LIMIT_S = 30
HELD = """
INSERT INTO receivers (receiver_id, is_paused, pause_reason, paused_by, breaker_state,
                       breaker_failures, window_sent)
VALUES ('te-kainuu', $1::boolean, 'maintenance', 'operator:u-1', $2, 0, 0)
ON CONFLICT (receiver_id) DO UPDATE
SET is_paused = $1, pause_reason = 'maintenance', paused_by = 'operator:u-1', breaker_state = $2
"""
RECONCILED = """
INSERT INTO reconciliations
    (receiver_id, day, reconciled_at, their_count, our_count, counts, differences)
VALUES ('te-kainuu', $1::text::date, now(), 0, 0, $2, '[]')
"""
ACTING = {"official_id": "operator:u-1", "role": "operator"}
REASON = {"reason": "its cause is mended", "acting_official": ACTING}
UNSEALED = """
SELECT (SELECT coalesce(max(audit_id), 0) FROM audit)
     - (SELECT coalesce(max(settled_to), 0) FROM audit_blocks)
"""


@pytest.fixture
async def sealing(relay_database: TestDatabase) -> AsyncIterator[Relay]:
    async with running_relay(relay_database, audit_seal_interval_ms=10) as relay:
        yield relay


async def all_sealed(relay: Relay) -> None:
    """Return when every line that stands now is in a block."""
    async with asyncio.timeout(LIMIT_S):
        while (await relay.fetch(UNSEALED))[0][0] > 0:
            pass


@pytest.mark.parametrize(
    "path",
    ["/recipients", "/status", "/audit", "/audit/keys", "/parked-messages"],
)
async def test_a_case_system_is_refused_what_operators_read_and_that_is_on_record(
    relay: Relay, path: str
) -> None:
    answer = await relay.caller("cs-sotkamo", *OPERATOR_SCOPES).get(path)

    [line] = await relay.fetch("SELECT organisation, action, outcome FROM audit")
    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")
    assert tuple(line) == ("cs-sotkamo", f"GET /relay/v1{path}", "caller_kind_refused")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/parked-messages/{ITEM}:retry", 404, "parked_message_not_found"),
        (f"/parked-messages/{ITEM}:skip", 404, "parked_message_not_found"),
        ("/consumers/routing:start", 409, "consumer_not_stopped"),
    ],
)
async def test_what_is_not_there_can_not_be_repaired_and_the_attempt_is_on_record(
    relay: Relay, path: str, status: int, *, code: str
) -> None:
    answer = await relay.operator.post(path, REASON, headers={"Idempotency-Key": "key-1"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert [row["outcome"] for row in await relay.fetch("SELECT outcome FROM audit")] == [code]


async def test_where_nothing_is_parked_the_list_is_empty_and_its_reading_on_record(
    relay: Relay,
) -> None:
    headers = {"Acting-Official": "operator:u-1; role=operator"}

    listed = await relay.operator.get("/parked-messages", headers=headers)
    counted = await relay.operator.post("/parked-messages:preview", {}, headers=headers)

    actions = [row["action"] for row in await relay.fetch("SELECT action FROM audit")]
    assert listed.json() == {"items": [], "next_cursor": None}
    assert counted.json() == {"count": 0}
    assert sorted(actions) == ["parked-message.counted", "parked-message.listed"]


async def test_the_audit_is_sealed_under_the_services_own_name_and_intact(sealing: Relay) -> None:
    auditor = sealing.caller("auditor", "audit.read")
    await auditor.get("/audit")
    await all_sealed(sealing)

    keys = (await auditor.get("/audit/keys")).json()
    verified = (await auditor.post("/audit:verify", {})).json()
    lines = (await auditor.get("/audit")).json()["items"]

    assert keys["source"] == "/kuntavayla/statement-relay"
    assert [key["is_in_use"] for key in keys["items"]] == [True]
    assert (verified["is_intact"], verified["line_count"]) == (True, 1)
    assert [line["action"] for line in lines] == ["audit.read", "audit.verified"]


async def test_the_status_says_where_the_events_stand_and_how_the_loops_fare(relay: Relay) -> None:
    await announced(relay, 2)

    status = (await relay.operator.get("/status")).json()

    assert (status["epoch"], status["head_position"], status["transport"]) == (1, 2, "feed")
    assert "figures" in [job["name"] for job in status["jobs"]]
    assert (status["unsettled"], status["oldest_unsettled_s"]) == ([], 0)


async def test_the_status_says_what_is_not_settled_and_for_how_long(
    relay: Relay,
) -> None:
    await relay.learn(responsible())
    await relay.case_system().sent(another_item())
    await relay.case_system().sent(another_item(client_id=OTHER_CLIENT))
    relay.clock.pass_hours(2)
    await relay.case_system().sent(another_item())

    status = (await relay.operator.get("/status")).json()

    late = {"delayed_items": 0, "overdue_items": 0}
    assert status["unsettled"] == [
        {"state": "waiting", "items": 2, **late},
        {"state": "waiting_for_client", "items": 1, **late},
    ]
    assert status["oldest_unsettled_s"] == 7_200


async def test_a_look_at_the_figures_shows_them_as_metrics(relay: Relay) -> None:
    await relay.learn(responsible())
    await relay.case_system().sent(another_item())
    relay.clock.pass_hours(2)
    desk: Desk = relay.app.state.desk
    registry = CollectorRegistry()
    gauges = FigureGauges(registry)

    await look(
        desk.pool,
        moment=desk.moment,
        gauges=gauges,
        readings=desk.readings,
        transport=desk.transport,
    )

    waiting = {"state": "waiting"}
    shown = registry.get_sample_value
    assert shown("kuntavayla_outbox_head_position") == 1
    assert shown("kuntavayla_relay_oldest_unsettled_seconds") == 7_200
    assert shown("kuntavayla_relay_unsettled_items", waiting) == 1
    assert shown("kuntavayla_relay_overdue_items", waiting) == 0


async def test_a_receiver_that_is_held_back_is_a_metric_with_what_waits_for_it(
    relay: Relay,
) -> None:
    await relay.learn(responsible())
    await relay.case_system().sent(another_item())
    relay.clock.pass_hours(1)
    registry = CollectorRegistry()
    gauges = FigureGauges(registry)

    async def shown(reason: str) -> list[float | None]:
        desk = relay.desk
        async with desk.transaction() as connection:
            moment = desk.moment()
            gauges.show(await load_figures(connection, moment=moment), [], now=moment.now)
        kainuu = {"receiver": "te-kainuu"}
        return [
            registry.get_sample_value(
                "kuntavayla_relay_receiver_held", {**kainuu, "reason": reason}
            ),
            registry.get_sample_value("kuntavayla_relay_receiver_waiting_items", kainuu),
            registry.get_sample_value("kuntavayla_relay_receiver_oldest_waiting_seconds", kainuu),
        ]

    await relay.fetch(HELD, True, "open")  # noqa: FBT003 - a value of the statement
    held = [await shown("paused"), await shown("breaker")]
    await relay.fetch(HELD, False, "closed")  # noqa: FBT003 - a value of the statement
    held += [await shown("paused"), await shown("breaker")]

    assert [one[0] for one in held] == [1, 1, None, None]
    assert [one[1:] for one in held] == [[1, 3_600]] * 4


async def test_differences_of_seven_days_and_overdue_questions_are_metrics(relay: Relay) -> None:
    await know(relay, a_responsibility())
    asked = await office_of(relay).post(
        "/information-requests",
        question(),
        headers={**OF_OFFICE, "Idempotency-Key": "k-1"},
    )
    await relay.fetch(
        "UPDATE information_requests SET overdue_at = due_at WHERE information_request_id = $1",
        asked.json()["information_request_id"],
    )
    for day, missing in (("2021-03-16", 100), ("2021-03-17", 2), ("2021-03-23", 1)):
        await relay.fetch(RECONCILED, day, f'{{"missing":{missing},"unknown":0}}')
    registry = CollectorRegistry()

    async with relay.desk.transaction() as connection:
        moment = relay.desk.moment()
        figures = await load_figures(connection, moment=moment)
        FigureGauges(registry).show(figures, [], now=moment.now)
    status = (await relay.operator.get("/status")).json()

    def differences(kind: str) -> float | None:
        labels = {"receiver": "te-kainuu", "kind": kind}
        return registry.get_sample_value("kuntavayla_relay_reconciliation_differences", labels)

    assert [differences(kind) for kind in ("missing", "unknown", "skipped")] == [3, 0, None]
    assert registry.get_sample_value("kuntavayla_relay_overdue_requests") == 1
    assert status["overdue_requests"] == 1
