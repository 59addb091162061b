"""The books of the budget year: an honest year is exact, and every kind of lie is found."""

from datetime import UTC, datetime

import pytest

from kuntavayla_sandbox.quota_year.books import Books
from tests.sandbox.year_books import (
    ALLOCATED,
    COST,
    PAID,
    PERSONS,
    Json,
    allocated,
    balance,
    decision,
    held,
    honest,
    order,
    paid,
    payment,
    refused,
    reserved,
)

LEFT = ALLOCATED - 2 * COST
LATER = datetime(2021, 5, 2, tzinfo=UTC)


def found(books: Books) -> set[str]:
    return {one.what for one in books.unequal}


def test_an_honest_year_adds_up() -> None:
    books = honest()

    books.close([balance()])

    assert books.unequal == []
    assert (books.outcomes["reserved"], books.outcomes["refused"]) == (2, 1)
    assert books.refusals["kainuu", "allocation_exhausted"] == 1


@pytest.mark.parametrize(
    ("what", "lie"),
    [
        ("allocated", {"allocated": {"cents": ALLOCATED + 1, "persons": PERSONS}}),
        ("persons allocated", {"allocated": {"cents": ALLOCATED, "persons": PERSONS + 1}}),
        ("reserved", {"reserved": {"cents": COST - 1, "persons": 1}}),
        ("committed", {"committed": {"cents": COST + 1, "persons": 1}}),
        ("free", {"available": {"cents": LEFT + 1}}),
        ("paid", {"paid": {"cents": 0}}),
        ("paid above commitments", {"paid_excess": {"cents": 1}}),
        ("persons", {"reserved": {"cents": COST, "persons": 2}}),
    ],
)
def test_a_balance_that_lies_in_one_column_is_found(what: str, lie: Json) -> None:
    books = honest()

    books.close([balance(**lie)])

    assert found(books) == {what}


def test_an_account_that_one_side_does_not_have_is_found() -> None:
    books, other = honest(), honest()

    books.close([])
    other.close([balance(), balance(area_code="espoo")])

    assert [one.found for one in books.unequal] == ["in the books alone"]
    assert [one.found for one in other.unequal] == ["in the service alone"]


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("reserved as calculated", reserved(4, free=LEFT, reservation={
            "cents": LEFT, "expires_at": "2021-05-01T00:00:00+03:00"})),
        ("reserved", reserved(4, free=LEFT - COST)),
        ("free behind a reservation", reserved(4, free=LEFT)),
        ("decision id", refused(3, free=LEFT)),
        ("municipal id", refused(5, free=LEFT)),
        ("free at a refusal", refused(4, free=LEFT + 1)),
        ("needed at a refusal", refused(4, free=LEFT, needed_cents=COST + 1)),
        ("refused", refused(4, free=LEFT, needed_cents=LEFT)),
        ("answer to a decision", {"status": 422, "problem": {"code": "invalid_content"}}),
        ("refused", {"status": 201, "key": "D-4", "result": {
            "decision_id": "id-4", "municipal_id": "D-4", "outcome": "not_competent"}}),
    ],
)  # fmt: skip
def test_a_decision_answered_with_a_lie_is_found(what: str, answer: Json) -> None:
    books = honest()

    books.decide(decision(4), answer)

    assert what in found(books)


@pytest.mark.parametrize(
    ("what", "action", "answer"),
    [
        ("held behind grant", "grant", held(committed_cents=COST - 1, released_cents=1)),
        ("released", "grant", held(committed_cents=COST, released_cents=1)),
        ("reserved behind grant", "grant", held(reserved_cents=1, committed_cents=COST)),
        ("reserved behind refuse", "refuse", held(reserved_cents=1, released_cents=COST - 1)),
        ("held behind cancel", "cancel", held(committed_cents=1, released_cents=COST - 1)),
        ("held behind end", "end", held(committed_cents=COST + 1, released_cents=-1)),
    ],
)
def test_an_act_answered_with_a_lie_is_found(what: str, action: str, answer: Json) -> None:
    books = honest()

    books.act("id-2", action, answer)

    assert what in found(books)


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("payment", {"status": 409, "problem": {"code": "decision_unknown"}}),
        ("payment", paid(result="refused")),
        ("left to pay", paid(commitment_left_cents=COST)),
        ("above a commitment", paid(excess_cents=1, commitment_left_cents=COST - 2 * PAID)),
    ],
)
def test_a_payment_answered_with_a_lie_is_found(what: str, answer: Json) -> None:
    books = honest()

    books.pay(payment(1), answer)

    assert what in found(books)


def test_what_was_paid_is_kept_by_a_cancellation_and_taken_back_by_a_recovery() -> None:
    books = honest()
    recovery = {**payment(1), "payer_reference": "R-1", "amount_cents": -1_000}

    books.pay(recovery, paid())
    paid_before = books.accounts["kainuu", "TRAINING"].paid_cents
    books.act("id-1", "cancel", held(committed_cents=PAID, released_cents=COST - PAID))

    assert books.is_exact, books.unequal
    assert paid_before == PAID - 1_000
    assert books.held["id-1"].paid_cents == PAID


def test_an_end_leaves_what_is_due_by_it() -> None:
    due = {"calculation": {"months": [{"month": "2021-09", "cents": COST - 7}]}}
    right = held(committed_cents=COST - 7, released_cents=7) | due
    wrong = held(committed_cents=COST - 8, released_cents=8) | due

    ended, amiss = honest(), honest()
    for books, answer in ((ended, right), (amiss, wrong)):
        books.act("id-1", "end", answer)

    assert ended.is_exact
    assert found(amiss) == {"held behind end"}


def test_an_allocation_whose_balance_lies_is_found() -> None:
    books = Books()

    books.allocate(order(), allocated(free=ALLOCATED - 1))

    assert found(books) == {"free behind an allocation"}


def test_what_expires_is_free_again_and_what_is_granted_never_expires() -> None:
    books = honest()

    due = books.due(LATER)
    books.expire(LATER)
    books.decide(decision(4), reserved(4, free=LEFT, expires_at="2021-08-01T00:00:00+03:00"))
    books.close([balance()])

    assert due == 1
    assert books.acts["expire"] == 1
    assert books.is_exact
