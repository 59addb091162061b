"""A small honest year: what is sent to the ledger, and what it answers, as documents."""

from typing import Any

from kuntavayla_sandbox.quota_year.books import Books

Json = dict[str, Any]
AREA = {"area_code": "kainuu", "instrument": "TRAINING"}
ALLOCATED, COST, PERSONS, PAID = 1_000_000, 400_000, 3, 100_000
EXPIRES_AT = "2021-05-01T00:00:00+03:00"


def order() -> Json:
    return {**AREA, "amount_cents": ALLOCATED, "persons": PERSONS}


def allocated(*, free: int = ALLOCATED) -> Json:
    return {"balance": {"available": {"cents": free}}}


def decision(number: int) -> Json:
    return {
        **AREA,
        "municipal_id": f"D-{number}",
        "client_id": f"client-{number}",
        "places": 1,
        "unit_cost_cents": COST,
    }


def reserved(number: int, *, free: int, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    verdict = {
        "decision_id": f"id-{number}",
        "municipal_id": f"D-{number}",
        "outcome": "reserved",
        "reservation": {"cents": COST, "expires_at": EXPIRES_AT},
        "available_after": {"cents": free},
    }
    return {"status": 201, "key": f"D-{number}", "result": {**verdict, **changes}}


def refused(number: int, *, free: int, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    reason = {"code": "allocation_exhausted", "needed_cents": COST, "available_cents": free}
    verdict = {
        "decision_id": f"id-{number}",
        "municipal_id": f"D-{number}",
        "outcome": "refused",
        "reasons": [reason | changes],
    }
    return {"status": 201, "key": f"D-{number}", "result": verdict}


def held(*, reserved_cents: int = 0, committed_cents: int = 0, released_cents: int = 0) -> Json:
    return {
        "reserved_cents": reserved_cents,
        "committed_cents": committed_cents,
        "released_cents": released_cents,
    }


def payment(number: int) -> Json:
    name = f"P-{number}"
    return {"payer_reference": name, "decision_id": f"id-{number}", "amount_cents": PAID}


def paid(**changes: Any) -> Json:  # noqa: ANN401 - members of any type
    result = {"result": "booked", "commitment_left_cents": COST - PAID, "excess_cents": 0}
    return {"status": 201, "result": {**result, **changes}}


def balance(**changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return the balance behind the honest year, with members replaced."""
    return {
        **AREA,
        "allocated": {"cents": ALLOCATED, "persons": PERSONS},
        "reserved": {"cents": COST, "persons": 1},
        "committed": {"cents": COST, "persons": 1},
        "paid": {"cents": PAID},
        "paid_excess": {"cents": 0},
        "available": {"cents": ALLOCATED - 2 * COST},
        **changes,
    }


def honest() -> Books:
    """Return the books of a year in which one is granted, one reserved and one refused."""
    books = Books()
    books.allocate(order(), allocated())
    books.decide(decision(1), reserved(1, free=ALLOCATED - COST))
    books.decide(decision(2), reserved(2, free=ALLOCATED - 2 * COST))
    books.decide(decision(3), refused(3, free=ALLOCATED - 2 * COST))
    books.act("id-1", "grant", held(committed_cents=COST))
    books.pay(payment(1), paid())
    return books
