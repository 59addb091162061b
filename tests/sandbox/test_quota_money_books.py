"""Orders and payments in the books: what is above a commitment, raised, covered, lapsed."""

import pytest

from kuntavayla_sandbox.quota_year.books import Books
from kuntavayla_sandbox.quota_year.closed_books import close_exceeding, close_overrides
from kuntavayla_sandbox.quota_year.money_books import MoneyBooks
from tests.sandbox.year_books import (
    ALLOCATED,
    AREA,
    COST,
    EXPIRES_AT,
    LEFT,
    OLDER,
    PAID,
    Json,
    acted,
    allocated,
    calculation,
    honest,
    order,
    paid,
    payment,
    sums,
)

RAISED = COST - LEFT


def found(books: Books) -> set[str]:
    return {one.what for one in books.unequal}


def cancelled() -> tuple[Books, MoneyBooks]:
    """Return the honest books when what was granted is cancelled, but for what was paid."""
    books, money = honest()
    answer = acted(
        state="cancelled", committed_cents=PAID, released_cents=COST - PAID, paid_cents=PAID,
        free=LEFT + COST - PAID,
    )  # fmt: skip
    books.act("id-1", "cancel", answer, body={})
    return books, money


def overridden(*, raised: int = RAISED) -> tuple[Books, MoneyBooks]:
    """Return the honest books when what was refused was reserved by an override."""
    books, money = honest()
    money.approve_override(
        "O-1", "id-3",
        answer={"raised_cents": raised, "reservation_expires_at": EXPIRES_AT},
        decision={"decision_id": "id-3", "calculation": calculation(("2021-11", COST, 2021))},
    )  # fmt: skip
    return books, money


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
    books, money = honest()

    money.pay(payment(1), answer)

    assert what in found(books)


def test_a_payment_of_a_decision_that_is_not_must_be_refused() -> None:
    right, wrong = honest(), honest()
    nobodys = payment(9)

    right[1].pay(nobodys, {"status": 409, "problem": {"code": "decision_unknown"}})
    wrong[1].pay(nobodys, paid())

    assert right[0].is_exact
    assert right[0].told["payments refused: no such decision"] == 1
    assert found(wrong[0]) == {"payment"}


def test_what_is_paid_of_a_cancelled_decision_lies_above_its_commitment() -> None:
    books, money = cancelled()
    late = payment(1, payer_reference="P-late", amount_cents=70)

    money.pay(late, paid(commitment_left_cents=0, excess_cents=70))
    free = books.accounts[OLDER].free_cents
    close_exceeding(books, [{"payer_reference": "P-late", "excess_cents": 70}])

    assert books.is_exact, books.unequal
    assert sums(books.accounts[OLDER]) == (COST, PAID, PAID + 70, 70)
    assert free == ALLOCATED - COST - PAID - 70


def test_a_month_behind_the_end_is_above_the_commitment_whatever_is_left_of_it() -> None:
    books, money = honest()

    money.pay(payment(1, payer_reference="P-2", month="2022-03", amount_cents=50),
              paid(excess_cents=50))  # fmt: skip

    assert books.is_exact, books.unequal
    assert books.exceeding == {"P-2": 50}


def test_what_is_taken_back_was_above_first_and_frees_what_is_over() -> None:
    books, money = cancelled()
    money.pay(payment(1, payer_reference="P-late", amount_cents=70),
              paid(commitment_left_cents=0, excess_cents=70))  # fmt: skip

    money.pay(payment(1, payer_reference="R-1", amount_cents=-100),
              paid(commitment_left_cents=0, excess_cents=-70))  # fmt: skip

    assert books.is_exact, books.unequal
    assert sums(books.accounts[OLDER]) == (COST, PAID - 30, PAID - 30, 0)


def test_what_is_taken_back_of_a_decision_that_goes_on_does_not_grow_its_commitment() -> None:
    books, money = honest()

    money.pay(payment(1, payer_reference="R-1", amount_cents=-1_000), paid())

    assert books.is_exact, books.unequal
    assert sums(books.accounts[OLDER]) == (COST, COST, PAID - 1_000, 0)


@pytest.mark.parametrize(
    ("listed", "lies"),
    [
        ([], {"payment above a commitment"}),
        ([{"payer_reference": "P-late", "excess_cents": 69}], {"above a commitment"}),
    ],
)
def test_a_list_of_excess_payments_that_lies_is_found(listed: list[Json], lies: set[str]) -> None:
    books, money = cancelled()
    money.pay(payment(1, payer_reference="P-late", amount_cents=70),
              paid(commitment_left_cents=0, excess_cents=70))  # fmt: skip

    close_exceeding(books, listed)

    assert found(books) == lies


def test_an_override_raises_what_is_lacking_and_reserves_with_it() -> None:
    books, _ = overridden()

    assert books.is_exact, books.unequal
    assert books.accounts[OLDER].overridden_cents == RAISED
    assert books.accounts[OLDER].free_cents == 0
    assert books.held["id-3"].reserved_cents == COST
    assert books.refused == {}


def test_an_override_that_raises_more_than_is_lacking_is_found() -> None:
    books, _ = overridden(raised=RAISED + 1)

    assert found(books) == {"raised by an override"}


def test_an_addition_covers_what_was_raised_and_no_more() -> None:
    books, money = overridden()
    covering = order(amount_cents=RAISED + 5, persons=0, covers_override_id="O-1")

    money.allocate(covering, allocated(free=5))
    close_overrides(books, money.overrides, [
        {"override_id": "O-1", "raised_cents": RAISED, "covered_cents": RAISED, "left_cents": 0}
    ])  # fmt: skip

    assert books.is_exact, books.unequal
    assert books.accounts[OLDER].overridden_cents == 0


def test_an_override_that_is_refused_raises_nothing() -> None:
    books, money = honest()

    money.refuse_override("O-1", "id-3")
    close_overrides(books, money.overrides, [
        {"override_id": "O-1", "raised_cents": 1, "covered_cents": 0, "left_cents": 1}
    ])  # fmt: skip

    assert books.states["id-3"] == "refused"
    assert books.accounts[OLDER].overridden_cents == 0
    assert found(books) == {"raised, covered and left"}


def lapsed(cents: int) -> dict[str, Json]:
    return {"ely-14": {"budget_year": 2021, "accounts": [{**AREA, "cents": cents}]}}


def test_what_is_free_lapses_and_what_is_freed_later_too() -> None:
    books, money = honest()

    money.lapse(2021, lapsed(LEFT))
    answer = acted(state="refused", committed_cents=0, released_cents=COST, free=0)
    books.act("id-2", "refuse", answer, body={})

    account = books.accounts[OLDER]
    assert books.is_exact, books.unequal
    assert (account.lapsed_cents, account.free_cents) == (LEFT + COST, 0)
    assert account.allocated_cents == ALLOCATED - LEFT - COST


def test_what_payments_took_above_is_made_good_before_anything_lapses() -> None:
    books, money = honest()
    money.pay(payment(1, payer_reference="P-2", month="2022-03", amount_cents=LEFT + 50),
              paid(excess_cents=LEFT + 50))  # fmt: skip

    money.lapse(2021, lapsed(0))
    books.act("id-2", "refuse", acted(state="refused", committed_cents=0, released_cents=COST,
                                      free=0), body={})  # fmt: skip

    account = books.accounts[OLDER]
    assert books.is_exact, books.unequal
    assert (account.lapsed_cents, account.free_cents) == (COST - 50, 0)


@pytest.mark.parametrize("answers", [{}, lapsed(LEFT - 1)])
def test_a_lapse_that_leaves_something_is_found(answers: dict[str, Json]) -> None:
    books, money = honest()

    money.lapse(2021, answers)

    assert found(books) == {"lapsed"}


def test_an_allocation_whose_balance_lies_is_found() -> None:
    books = Books()

    MoneyBooks(books).allocate(order(), allocated(free=ALLOCATED - 1))

    assert found(books) == {"free behind an allocation"}
