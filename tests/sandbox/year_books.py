"""A small honest year: what is sent to the ledger, and what it answers, as documents."""

from typing import Any

from kuntavayla_sandbox.quota_year.accounts import Account
from kuntavayla_sandbox.quota_year.books import Books
from kuntavayla_sandbox.quota_year.money_books import MoneyBooks

Json = dict[str, Any]
AREA = {"area_code": "kainuu", "instrument": "TRAINING"}
OLDER, NEWER = ("kainuu", "TRAINING", 2021), ("kainuu", "TRAINING", 2022)
ALLOCATED, COST, PERSONS, PAID = 1_000_000, 400_000, 3, 100_000
LEFT = ALLOCATED - 2 * COST
EXPIRES_AT = "2021-12-20T00:00:00+02:00"
PERIOD = {"starts_on": "2021-11-01", "ends_on": "2022-02-28"}


def order(*, year: int = 2021, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    whole = {**AREA, "budget_year": year, "amount_cents": ALLOCATED, "persons": PERSONS}
    return {**whole, **changes}


def allocated(*, free: int = ALLOCATED) -> Json:
    return {"balance": {"available": {"cents": free}}}


def decision(number: int, *, year: int = 2021, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    return {
        **AREA,
        "municipal_id": f"D-{number}",
        "client_id": f"client-{number}",
        "municipality_code": "765",
        "budget_year": year,
        "decided_on": "2021-10-20" if year == 2021 else "2022-01-20",
        "period": PERIOD,
        "places": 1,
        "unit_cost_cents": COST,
        **changes,
    }


def calculation(*months: tuple[str, int, int]) -> Json:
    """Return a calculation: month, cents, year."""
    told = [
        {"month": month, "cents": cents, "budget_year_charged": year}
        for month, cents, year in months
    ]
    return {"months": told, "total_cents": sum(cents for _, cents, _ in months)}


def reserved(number: int, *, free: int, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    verdict = {
        "decision_id": f"id-{number}",
        "municipal_id": f"D-{number}",
        "outcome": "reserved",
        "reservation": {"cents": COST, "expires_at": EXPIRES_AT},
        "calculation": calculation(("2021-11", COST, 2021)),
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


def turned_away() -> Json:
    return {"status": 422, "problem": {"code": "invalid_content"}}


def acted(*, state: str = "granted", free: int = LEFT, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return the answer to an act behind which all of the cost is committed, unless changed."""
    return {
        "outcome": "done",
        "state": state,
        "version": 2,
        "reserved_cents": 0,
        "committed_cents": COST,
        "released_cents": 0,
        "paid_cents": 0,
        "available_after": {"cents": free},
        **changes,
    }


def payment(number: int, **changes: Any) -> Json:  # noqa: ANN401 - members of any type
    return {
        "payer_reference": f"P-{number}",
        "decision_id": f"id-{number}",
        "month": "2021-11",
        "amount_cents": PAID,
        **changes,
    }


def paid(**changes: Any) -> Json:  # noqa: ANN401 - members of any type
    result = {"result": "booked", "commitment_left_cents": COST - PAID}
    return {"status": 201, "result": {**result, **changes}}


def balance(**changes: Any) -> Json:  # noqa: ANN401 - members of any type
    """Return the balance behind the honest year, with members replaced."""
    return {
        **AREA,
        "budget_year": 2021,
        "allocated": {"cents": ALLOCATED, "persons": PERSONS},
        "overridden": {"cents": 0},
        "reserved": {"cents": COST, "persons": 1},
        "committed": {"cents": COST, "persons": 1},
        "paid": {"cents": PAID},
        "paid_excess": {"cents": 0},
        "lapsed": {"cents": 0},
        "available": {"cents": LEFT},
        "is_lapsed": False,
        **changes,
    }


def honest() -> tuple[Books, MoneyBooks]:
    """Return the books of a year in which one is granted, one reserved and one refused."""
    books = Books()
    money = MoneyBooks(books)
    money.allocate(order(), allocated())
    books.decide(decision(1), reserved(1, free=ALLOCATED - COST))
    books.decide(decision(2), reserved(2, free=LEFT))
    books.decide(decision(3), refused(3, free=LEFT))
    books.act("id-1", "grant", acted(), body={})
    money.pay(payment(1), paid())
    return books, money


def sums(account: Account) -> tuple[int, int, int, int]:
    """Return what is reserved, committed, paid and paid above commitments."""
    return (
        account.reserved_cents,
        account.committed_cents,
        account.paid_cents,
        account.excess_cents,
    )
