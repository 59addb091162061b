"""The books of the year: an honest year is exact, and every kind of lie is found."""

from datetime import UTC, datetime

import pytest

from kuntavayla_sandbox.quota_year.books import Books
from kuntavayla_sandbox.quota_year.closed_books import close_balances, close_states
from tests.sandbox.year_books import (
    ALLOCATED,
    COST,
    LEFT,
    NEWER,
    OLDER,
    PAID,
    PERSONS,
    Json,
    acted,
    allocated,
    balance,
    calculation,
    decision,
    honest,
    order,
    paid,
    payment,
    refused,
    reserved,
    sums,
    turned_away,
)

LATER = datetime(2021, 12, 21, tzinfo=UTC)


def found(books: Books) -> set[str]:
    return {one.what for one in books.unequal}


def two_years() -> Books:
    """Return the honest books when the second appropriation has come."""
    books, money = honest()
    money.allocate(order(year=2022), allocated())
    return books


def test_an_honest_year_adds_up() -> None:
    books, _ = honest()

    close_balances(books, [balance()])

    assert books.unequal == []
    assert (books.outcomes["reserved"], books.outcomes["refused"]) == (2, 1)
    assert books.refusals["kainuu", "allocation_exhausted"] == 1


@pytest.mark.parametrize(
    ("what", "lie"),
    [
        ("allocated", {"allocated": {"cents": ALLOCATED + 1, "persons": PERSONS}}),
        ("persons allocated", {"allocated": {"cents": ALLOCATED, "persons": PERSONS + 1}}),
        ("overridden", {"overridden": {"cents": 1}}),
        ("reserved", {"reserved": {"cents": COST - 1, "persons": 1}}),
        ("persons reserved", {"reserved": {"cents": COST, "persons": 2}}),
        ("committed", {"committed": {"cents": COST + 1, "persons": 1}}),
        ("persons committed", {"committed": {"cents": COST, "persons": 0}}),
        ("free", {"available": {"cents": LEFT + 1}}),
        ("paid", {"paid": {"cents": 0}}),
        ("paid above commitments", {"paid_excess": {"cents": 1}}),
        ("lapsed", {"lapsed": {"cents": 1}}),
        ("is lapsed", {"is_lapsed": True}),
    ],
)
def test_a_balance_that_lies_in_one_column_is_found(what: str, lie: Json) -> None:
    books, _ = honest()

    close_balances(books, [balance(**lie)])

    assert found(books) == {what}


def test_an_account_that_one_side_does_not_have_is_found() -> None:
    books, other = honest()[0], honest()[0]

    close_balances(books, [])
    close_balances(other, [balance(), balance(budget_year=2022)])

    assert [one.found for one in books.unequal] == ["in the books alone"]
    assert [(one.of, one.found) for one in other.unequal] == [
        ("kainuu/TRAINING/2022", "in the service alone")
    ]


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("reserved as calculated", reserved(4, free=LEFT, reservation={
            "cents": LEFT, "expires_at": "2021-12-20T00:00:00+02:00"})),
        ("reserved", reserved(4, free=LEFT - COST)),
        ("free behind a reservation", reserved(4, free=LEFT)),
        ("years charged", reserved(4, free=0, calculation=calculation(("2021-11", COST, 2020)))),
        ("decision id", refused(3, free=LEFT)),
        ("municipal id", refused(5, free=LEFT)),
        ("free at a refusal", refused(4, free=LEFT + 1)),
        ("needed at a refusal", refused(4, free=LEFT, needed_cents=COST + 1)),
        ("refused", refused(4, free=LEFT, needed_cents=LEFT)),
        ("answer to a decision", turned_away()),
        ("refused", {"status": 201, "key": "D-4", "result": {
            "decision_id": "id-4", "municipal_id": "D-4", "outcome": "not_competent"}}),
    ],
)  # fmt: skip
def test_a_decision_answered_with_a_lie_is_found(what: str, answer: Json) -> None:
    books, _ = honest()

    books.decide(decision(4), answer)

    assert what in found(books)


def test_what_asks_beyond_the_months_of_the_law_must_be_turned_away() -> None:
    right, wrong = honest()[0], honest()[0]

    right.decide(decision(4), turned_away(), is_beyond=True)
    wrong.decide(decision(4), refused(4, free=LEFT), is_beyond=True)

    assert right.is_exact
    assert found(wrong) == {"answer to a decision"}


@pytest.mark.parametrize(
    ("what", "action", "answer"),
    [
        ("committed_cents behind grant", "grant", acted(committed_cents=COST - 1)),
        ("released_cents behind grant", "grant", acted(released_cents=1)),
        ("reserved_cents behind grant", "grant", acted(reserved_cents=1)),
        ("state behind grant", "grant", acted(state="reserved")),
        ("free behind grant", "grant", acted(free=LEFT + 1)),
        ("paid_cents behind grant", "grant", acted(paid_cents=1)),
        ("reserved_cents behind refuse", "refuse", acted(state="refused", reserved_cents=1)),
        ("committed_cents behind cancel", "cancel", acted(state="cancelled", committed_cents=1)),
        ("committed_cents behind end", "end", acted(state="ended")),
    ],
)
def test_an_act_answered_with_a_lie_is_found(what: str, action: str, answer: Json) -> None:
    books, _ = honest()

    books.act("id-2", action, answer, body={"last_on": "2021-12-31"})

    assert what in found(books)


def test_a_grant_of_less_lets_the_rest_go() -> None:
    books, _ = honest()
    answer = acted(committed_cents=COST - 9, released_cents=9, free=LEFT + 9)

    books.act("id-2", "grant", answer, body={"amount_cents": COST - 9})

    assert books.is_exact, books.unequal
    assert sums(books.accounts[OLDER])[:2] == (0, 2 * COST - 9)


def test_an_end_leaves_what_is_due_by_it_and_what_was_paid() -> None:
    due = {"calculation": calculation(("2021-11", COST - 7, 2021))}
    right = acted(state="ended", committed_cents=COST - 7, released_cents=7, free=LEFT + 7)
    wrong = {**right, "committed_cents": COST - 8}

    ended, amiss = honest()[0], honest()[0]
    for books, answer in ((ended, right), (amiss, wrong)):
        answered = {**answer, **due, "paid_cents": PAID}
        books.act("id-1", "end", answered, body={"last_on": "2021-11-30"})

    assert ended.is_exact, ended.unequal
    assert found(amiss) == {"committed_cents behind end"}


def test_the_older_year_is_drawn_first_and_the_newer_one_gives_the_rest() -> None:
    books = two_years()
    charged = calculation(("2021-11", LEFT, 2021), ("2021-12", COST - LEFT, 2022))

    books.decide(
        decision(4, year=2022), reserved(4, free=ALLOCATED + LEFT - COST, calculation=charged)
    )

    assert books.is_exact, books.unequal
    assert books.told["drawn from two years"] == 1
    assert {name: one.reserved_cents for name, one in books.held["id-4"].draws.items()} == {
        OLDER: LEFT,
        NEWER: COST - LEFT,
    }


def test_what_is_let_go_of_two_years_goes_back_to_the_newer_first() -> None:
    books = two_years()
    charged = calculation(("2021-11", LEFT, 2021), ("2021-12", COST - LEFT, 2022))
    free = ALLOCATED + LEFT - COST
    books.decide(decision(4, year=2022), reserved(4, free=free, calculation=charged))
    books.act("id-4", "grant", acted(free=free), body={})
    due = {"calculation": calculation(("2021-11", LEFT, 2021), ("2021-12", 1, 2022))}

    books.act(
        "id-4",
        "end",
        acted(state="ended", committed_cents=LEFT + 1, released_cents=COST - LEFT - 1,
              free=ALLOCATED - 1) | due,
        body={"last_on": "2021-12-01"},
    )  # fmt: skip

    assert books.is_exact, books.unequal
    assert [one.committed_cents for one in books.held["id-4"].draws.values()] == [1, LEFT]


def test_a_change_that_costs_more_draws_what_it_needs_besides() -> None:
    books = two_years()
    more = {"calculation": calculation(("2021-11", COST, 2021), ("2021-12", LEFT + 5, 2022))}
    body = {"decision": decision(1, year=2022)}

    books.act(
        "id-1", "change",
        acted(committed_cents=COST + LEFT + 5, paid_cents=PAID, free=ALLOCATED - 5) | more,
        body=body,
    )  # fmt: skip

    assert books.is_exact, books.unequal
    assert books.told["changes that drew more"] == 1
    assert sums(books.accounts[NEWER])[:2] == (0, 5)


def test_a_change_that_drew_more_than_was_free_is_found() -> None:
    books, _ = honest()
    more = {"calculation": calculation(("2021-11", COST + LEFT + 1, 2021))}
    answer = acted(committed_cents=COST + LEFT + 1, paid_cents=PAID, free=0) | more

    books.act("id-1", "change", answer, body={"decision": decision(1)})

    assert "committed_cents behind change" in found(books)


@pytest.mark.parametrize(("needed", "is_right"), [(LEFT + 1, True), (LEFT, False)])
def test_a_change_is_refused_only_where_too_little_is_free(*, needed: int, is_right: bool) -> None:
    books, _ = honest()
    reason = {"needed_cents": needed, "available_cents": LEFT}

    books.act(
        "id-1", "change", acted(outcome="refused", reasons=[reason]), body={"decision": decision(1)}
    )

    assert books.is_exact is is_right
    assert books.held["id-1"].cents == COST


def test_a_refused_change_that_changes_something_is_found() -> None:
    books, _ = honest()
    reason = {"needed_cents": LEFT + 1, "available_cents": LEFT}
    answer = acted(outcome="refused", reasons=[reason], committed_cents=COST + 1)

    books.act("id-1", "change", answer, body={"decision": decision(1)})

    assert found(books) == {"held behind a refused change"}


def test_what_was_paid_is_kept_by_a_cancellation() -> None:
    books, _ = honest()

    books.act(
        "id-1", "cancel",
        acted(state="cancelled", committed_cents=PAID, released_cents=COST - PAID,
              paid_cents=PAID, free=LEFT + COST - PAID),
        body={},
    )  # fmt: skip

    assert books.is_exact, books.unequal


def test_what_expires_is_free_again_and_what_is_granted_never_expires() -> None:
    books, _ = honest()

    due = books.due(LATER)
    books.expire(LATER)
    books.decide(decision(4), reserved(4, free=LEFT, reservation={
        "cents": COST, "expires_at": "2022-03-01T00:00:00+02:00"}))  # fmt: skip
    close_balances(books, [balance()])

    assert due == 1
    assert books.acts["expire"] == 1
    assert books.is_exact, books.unequal


def test_the_state_of_every_decision_is_compared() -> None:
    right, wrong = honest()[0], honest()[0]
    states = {"id-1": "granted", "id-2": "reserved", "id-3": "refused"}

    close_states(right, [{"decision_id": name, "state": one} for name, one in states.items()])
    close_states(wrong, [{"decision_id": "id-1", "state": "ended"}])

    assert right.is_exact
    assert [one.what for one in wrong.unequal] == ["decision", "decision", "state"]


def test_one_client_with_two_decisions_is_one_person() -> None:
    books, money = honest()
    money.allocate(order(), allocated(free=ALLOCATED + LEFT))
    books.decide(decision(4, client_id="client-1"), reserved(4, free=ALLOCATED + LEFT - COST))

    close_balances(books, [
        balance(
            allocated={"cents": 2 * ALLOCATED, "persons": 2 * PERSONS},
            reserved={"cents": 2 * COST, "persons": 1},
            available={"cents": ALLOCATED + LEFT - COST},
        )
    ])  # fmt: skip

    assert books.is_exact, books.unequal


def test_a_payment_within_the_commitment_is_that_of_the_oldest_year_first() -> None:
    books, money = honest()

    money.pay(payment(1, payer_reference="P-2", amount_cents=COST - PAID),
              paid(commitment_left_cents=0))  # fmt: skip

    assert books.is_exact, books.unequal
    assert sums(books.accounts[OLDER]) == (COST, COST, COST, 0)
