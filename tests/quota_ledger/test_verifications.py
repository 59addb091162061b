import asyncio
from datetime import UTC, datetime

import pytest

from kuntavayla.testing import TestDatabase
from tests.quota_ledger.decided import (
    a_decision,
    client_id,
    decided,
    give,
    know_clients,
    sender,
)
from tests.quota_ledger.orders import ALLOCATION, order
from tests.quota_ledger.paid import a_granted, a_payment, report
from tests.quota_ledger.service import Ledger, running_ledger
from tests.served import Json

SEALED = """
SELECT count(*) AS n FROM audit
WHERE audit_id <= (SELECT max(last_audit_id) FROM audit_blocks) AND action = 'entries.booked'
"""


async def verified(ledger: Ledger) -> Json:
    answer = await ledger.caller("operator", "verifications.read").post("/verifications", b"")
    assert answer.status_code == 200, answer.text
    return answer.json()


def kinds(verification: Json) -> set[str]:
    return {one["kind"] for one in verification["differences"]}


async def books(ledger: Ledger, *, decisions: int = 3) -> str:
    """Keep books of some decisions on one account; return its id."""
    account_id = await give(ledger, cents=10_000_000)
    clients = [client_id(number) for number in range(decisions)]
    await know_clients(ledger, *clients)
    for number, client in enumerate(clients):
        await decided(sender(ledger), a_decision(number, client_id=client))
    return account_id


async def test_whole_books_have_no_difference(ledger: Ledger) -> None:
    await books(ledger)

    verification = await verified(ledger)

    assert verification["differences"] == []
    assert verification["is_intact"]
    assert (verification["account_count"], verification["entry_count"]) == (1, 4)
    assert verification["decision_count"] == 3


async def test_books_without_an_entry_are_whole(ledger: Ledger) -> None:
    verification = await verified(ledger)

    assert (verification["is_intact"], verification["entry_count"]) == (True, 0)


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (
            "UPDATE entries SET reserved_cents = reserved_cents + 1 WHERE position = 2",
            {"balance_behind_differs", "seal_differs", "decision_differs"},
        ),
        (
            "DELETE FROM entries WHERE position = 2",
            {"position_differs", "balance_behind_differs", "seal_differs", "decision_differs"},
        ),
        (
            "DELETE FROM entries WHERE position = (SELECT max(position) FROM entries)",
            {"position_differs", "balance_differs", "seal_differs", "decision_differs"},
        ),
        ("DELETE FROM entries", {"position_differs", "balance_differs", "decision_differs"}),
        (
            """
            UPDATE entries SET position = 9 WHERE position = 2;
            UPDATE entries SET position = 2 WHERE position = 3;
            UPDATE entries SET position = 3 WHERE position = 9
            """,
            {"balance_behind_differs", "seal_differs"},
        ),
        ("UPDATE accounts SET lapsed_cents = 1", {"balance_differs"}),
        ("UPDATE accounts SET last_position = 9", {"position_differs"}),
        (
            "UPDATE accounts SET reserved_persons = reserved_persons - 1",
            {"balance_differs", "persons_differ"},
        ),
        (
            "UPDATE decision_draws SET reserved_cents = reserved_cents - 1",
            {"draws_differ", "decision_differs"},
        ),
        ("DELETE FROM decision_draws", {"draws_differ", "decision_differs"}),
        ("UPDATE account_clients SET reserved_holds = 0", {"persons_differ"}),
        ("UPDATE decisions SET paid_cents = 5", {"payments_differ"}),
        ("UPDATE entries SET reason = 'another' WHERE position = 2", {"seal_differs"}),
        ("UPDATE entries SET value_on = '2021-01-01' WHERE position = 2", {"seal_differs"}),
        ("UPDATE audit SET outcome = '1-9' WHERE action = 'entries.booked'", {"seal_differs"}),
        ("DELETE FROM audit WHERE action = 'entries.booked'", {"seal_missing"}),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
async def test_whoever_tampers_with_the_books_is_found_out(
    ledger: Ledger, tampering: str, found: set[str]
) -> None:
    await books(ledger)

    await ledger.execute(tampering)

    verification = await verified(ledger)
    assert not verification["is_intact"]
    assert found <= kinds(verification)


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE decision_draws SET paid_cents = 0", {"paid_differs"}),
        ("UPDATE account_clients SET committed_holds = 2", {"holds_differ"}),
        (
            "UPDATE account_clients SET client_id = '0177ec61-3ab9-7893-923f-00000000abcd'",
            {"holds_differ"},
        ),
        (
            "UPDATE decisions SET client_id = '0177ec61-3ab9-7893-923f-00000000abcd'",
            {"holds_differ"},
        ),
        ("UPDATE decisions SET state = 'cancelled'", {"state_differs"}),
        (
            """
            UPDATE decisions SET state = 'cancelled';
            UPDATE decision_steps
            SET content = jsonb_set(content::jsonb, '{verdict,state}', '"cancelled"')
            WHERE action = 'grant'
            """,
            {"state_differs"},
        ),
        ("UPDATE decisions SET state = 'ended'", {"state_differs"}),
        (
            """
            UPDATE decisions
            SET calculation = jsonb_set(calculation::jsonb, '{total_cents}', '1')
            """,
            {"calculation_differs"},
        ),
        (
            """
            UPDATE decision_steps
            SET calculation = jsonb_set(calculation::jsonb, '{total_cents}', '1')
            WHERE number = 1
            """,
            {"calculation_differs"},
        ),
        ("UPDATE accounts SET is_lapsed = true", {"lapses_differ"}),
        (
            """
            INSERT INTO lapses
            SELECT allocation_id, 2021, jsonb_build_array(jsonb_build_object(
                'account_id', account_id, 'cents', 5, 'entry_id', entry_id
            )), reason, document, organisation, official_id, created_at
            FROM allocations
            """,
            {"lapses_differ"},
        ),
        ("UPDATE allocations SET amount_cents = amount_cents + 1", {"allocations_differ"}),
        ("UPDATE allocations SET persons = 1", {"allocations_differ"}),
        ("UPDATE allocations SET kind = 'cut'", {"allocations_differ"}),
        ("DELETE FROM allocations", {"allocations_differ"}),
        ("UPDATE payments SET month = '2022-06-01'", {"payment_differs"}),
        ("UPDATE payments SET paid_on = '2021-10-16'", {"payment_differs"}),
        (
            "UPDATE payments SET amount_cents = amount_cents + 1, within_cents = within_cents + 1",
            {"payment_differs", "payments_differ"},
        ),
        (
            "UPDATE payments SET within_cents = within_cents - 1, excess_cents = 1",
            {"payment_differs", "payments_differ"},
        ),
        ("DELETE FROM payments", {"payment_differs", "payments_differ"}),
        ("UPDATE entries SET payment_id = NULL", {"payment_differs", "seal_differs"}),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
async def test_whoever_tampers_with_what_was_granted_and_paid_is_found_out(
    ledger: Ledger, tampering: str, found: set[str]
) -> None:
    await report(ledger, a_payment(await a_granted(ledger)))
    assert (await verified(ledger))["differences"] == []

    await ledger.execute(tampering)

    verification = await verified(ledger)
    assert not verification["is_intact"]
    assert found <= kinds(verification)


async def test_books_of_a_year_that_lapsed_are_whole_and_a_lapse_taken_back_is_found_out(
    ledger: Ledger,
) -> None:
    await books(ledger, decisions=1)
    ledger.clock.now = datetime(2023, 1, 2, 8, tzinfo=UTC)
    body = {"document": ALLOCATION["document"], "reason": "The year is over"}
    closer = ledger.caller("ely-14", "years.read", "years.write")
    answer = await order(closer, "/years/2021:lapse", body)
    assert answer.status_code == 200, answer.text
    assert (await verified(ledger))["differences"] == []

    await ledger.execute("UPDATE accounts SET is_lapsed = false")

    assert kinds(await verified(ledger)) == {"lapses_differ"}


async def test_books_that_are_changed_to_add_up_again_are_found_out_by_their_seals(
    ledger: Ledger,
) -> None:
    account_id = await books(ledger, decisions=1)

    # Everything is changed alike: nothing is left that does not add up.
    await ledger.execute(
        "UPDATE entries SET allocated_cents = allocated_cents + 1 WHERE position = 1;"
        "UPDATE entries SET allocated_cents_after = allocated_cents_after + 1;"
        "UPDATE accounts SET allocated_cents = allocated_cents + 1;"
        "UPDATE allocations SET amount_cents = amount_cents + 1"
    )

    verification = await verified(ledger)
    [one, other] = verification["differences"]
    assert {one["kind"], other["kind"]} == {"seal_differs"}
    assert (one["account_id"], one["position"], other["position"]) == (account_id, 1, 2)


async def test_a_seal_that_is_written_anew_is_found_out_by_the_signed_audit(
    ledger_database: TestDatabase,
) -> None:
    async with running_ledger(ledger_database, audit_seal_interval_ms=10) as ledger:
        await books(ledger, decisions=1)
        async with asyncio.timeout(30):
            while (await ledger.fetch(SEALED))[0]["n"] < 2:
                pass

        await ledger.execute(
            "UPDATE audit SET rule_version = 'sha256:0' WHERE action = 'entries.booked'"
        )

        assert {"audit_differs", "seal_differs"} <= kinds(await verified(ledger))


async def test_books_are_verified_while_the_service_works(ledger: Ledger) -> None:
    await give(ledger, cents=100_000_000)
    clients = [client_id(number) for number in range(12)]
    await know_clients(ledger, *clients)

    async def decide(number: int) -> None:
        await decided(sender(ledger), a_decision(number, client_id=clients[number]))

    verifications = await asyncio.gather(
        *(verified(ledger) for _ in range(4)), *(decide(number) for number in range(12))
    )

    assert [one["differences"] for one in verifications if one is not None] == [[], [], [], []]
    assert (await verified(ledger))["entry_count"] == 13


async def test_only_the_operator_verifies(refusing: Ledger) -> None:
    answer = await refusing.caller("ely-14", "verifications.read").post("/verifications", b"")

    assert (answer.status_code, answer.json()["code"]) == (403, "caller_kind_refused")


async def test_a_verification_stands_in_the_audit(ledger: Ledger) -> None:
    await verified(ledger)

    [line] = await ledger.fetch("SELECT organisation, outcome FROM audit")
    assert (line["organisation"], line["outcome"]) == ("operator", "intact")
