import pytest

from quota_ledger.rules.balances import Sums
from quota_ledger.rules.posting import (
    NO_HOLDS,
    Applied,
    Holds,
    Shortage,
    apply,
    legs_of,
)
from tests.quota_ledger.accounts import balance, draw, held_leg, id_of, leg

ONE, TWO = id_of(1), id_of(2)


def applied(outcome: Applied | Shortage) -> Applied:
    assert isinstance(outcome, Applied), outcome
    return outcome


def test_a_reservation_takes_the_last_cent_and_not_one_more() -> None:
    account = balance(allocated_cents=2_000)

    fits = apply(account, leg(ONE, "reserve", reserved_cents=2_000), NO_HOLDS)
    short = apply(account, leg(ONE, "reserve", reserved_cents=2_001), NO_HOLDS)

    assert applied(fits).balance.sums.free_cents == 0
    assert short == Shortage(limit="cents", account_id=ONE, needed=2_001, available=2_000)


def test_a_cut_stops_at_what_is_bound() -> None:
    account = balance(allocated_cents=2_000, reserved_cents=500, committed_cents=700)

    fits = apply(account, leg(ONE, "cut", allocated_cents=-800), NO_HOLDS)
    short = apply(account, leg(ONE, "cut", allocated_cents=-801), NO_HOLDS)

    assert applied(fits).balance.sums.limit_cents == 1_200
    assert short == Shortage(limit="cents", account_id=ONE, needed=801, available=800)


def test_a_cut_never_takes_what_only_an_override_lends() -> None:
    account = balance(allocated_cents=100, overridden_cents=50)

    short = apply(account, leg(ONE, "cut", allocated_cents=-120), NO_HOLDS)

    assert short == Shortage(limit="cents", account_id=ONE, needed=120, available=100)


def test_a_payment_above_every_limit_is_booked_and_frees_nothing() -> None:
    account = balance(allocated_cents=100, committed_cents=100, paid_cents=100)

    after = applied(
        apply(account, leg(ONE, "payment", paid_cents=30, paid_excess_cents=30), NO_HOLDS)
    ).balance

    short = apply(after, leg(ONE, "reserve", reserved_cents=1), NO_HOLDS)
    assert after.sums.free_cents == -30
    assert short == Shortage(limit="cents", account_id=ONE, needed=1, available=0)


def test_what_is_released_is_free_again_also_where_payments_took_too_much() -> None:
    account = balance(allocated_cents=100, committed_cents=100, paid_cents=30, paid_excess_cents=30)

    after = applied(apply(account, leg(ONE, "release", committed_cents=-50), NO_HOLDS)).balance

    assert after.sums.free_cents == 20


def test_what_is_freed_after_the_lapse_lapses() -> None:
    account = balance(allocated_cents=60, reserved_cents=60, lapsed_cents=40, is_lapsed=True)

    after = applied(apply(account, leg(ONE, "release", reserved_cents=-25), NO_HOLDS)).balance

    assert after.sums == Sums(allocated_cents=35, reserved_cents=35, lapsed_cents=65)


def test_a_recovery_after_the_lapse_makes_good_first_what_payments_took_too_much() -> None:
    account = balance(
        allocated_cents=60,
        committed_cents=60,
        paid_cents=70,
        paid_excess_cents=10,
        is_lapsed=True,
    )

    after = applied(
        apply(account, leg(ONE, "recovery", paid_cents=-10, paid_excess_cents=-10), NO_HOLDS)
    ).balance

    assert after.sums == Sums(allocated_cents=60, committed_cents=60, paid_cents=60)


def test_an_excess_recovered_after_the_lapse_lapses_where_the_allocation_had_room_for_it() -> None:
    account = balance(
        allocated_cents=70,
        committed_cents=60,
        paid_cents=70,
        paid_excess_cents=10,
        is_lapsed=True,
    )

    after = applied(
        apply(account, leg(ONE, "recovery", paid_cents=-10, paid_excess_cents=-10), NO_HOLDS)
    ).balance

    assert after.sums == Sums(
        allocated_cents=60, committed_cents=60, paid_cents=60, lapsed_cents=10
    )


def test_a_person_let_go_after_the_lapse_is_not_allocated_any_more() -> None:
    account = balance(
        is_lapsed=True,
        allocated_cents=100,
        reserved_cents=100,
        allocated_persons=1,
        reserved_persons=1,
    )

    release = held_leg(ONE, "release", holds=Holds(reserved=-1), reserved_cents=-100)
    after = applied(apply(account, release, Holds(reserved=1))).balance

    assert (after.sums.allocated_persons, after.sums.reserved_persons) == (0, 0)


def test_what_is_taken_back_counts_nobody_whom_another_decision_counts() -> None:
    account = balance(allocated_cents=100, allocated_persons=1, committed_persons=1)

    back = held_leg(
        ONE, "reversal", holds=Holds(committed=1), committed_cents=50, committed_persons=1
    )
    after = applied(apply(account, back, Holds(committed=1)))

    assert (after.change.committed_persons, after.balance.sums.committed_persons) == (0, 1)


def test_nothing_is_promised_of_a_lapsed_year() -> None:
    account = balance(allocated_cents=60, is_lapsed=True)

    short = apply(account, leg(ONE, "reserve", reserved_cents=1), NO_HOLDS)

    assert short == Shortage(limit="lapsed", account_id=ONE, needed=1, available=0)


@pytest.mark.parametrize(
    ("held", "change", "persons"),
    [
        (NO_HOLDS, Holds(reserved=1), (1, 0)),
        (Holds(reserved=1), Holds(reserved=1), (0, 0)),
        (Holds(reserved=1), Holds(reserved=-1, committed=1), (-1, 1)),
        (Holds(reserved=2), Holds(reserved=-1, committed=1), (-1, 1)),
        (Holds(reserved=1, committed=1), Holds(committed=-1), (1, -1)),
        (Holds(committed=2), Holds(committed=-1), (0, 0)),
        (Holds(committed=1), Holds(committed=-1), (0, -1)),
    ],
    ids=[
        "a first reservation",
        "a second one",
        "granted",
        "the first of two granted",
        "committed gone, reserved stays",
        "one of two",
        "the last",
    ],
)
def test_a_client_is_one_person_whatever_holds_money_for_them(
    held: Holds, change: Holds, persons: tuple[int, int]
) -> None:
    account = balance(allocated_cents=100, reserved_persons=5, committed_persons=5)

    outcome = applied(apply(account, held_leg(ONE, "change", holds=change), held))

    change_of = outcome.change
    assert (change_of.reserved_persons, change_of.committed_persons) == persons


def test_persons_bind_only_where_the_account_says_so() -> None:
    loose = balance(allocated_cents=100, allocated_persons=1, reserved_persons=1)
    strict = balance(
        allocated_cents=100, allocated_persons=1, reserved_persons=1, binds_persons=True
    )
    reserving = held_leg(ONE, "reserve", holds=Holds(reserved=1), reserved_cents=1)

    assert applied(apply(loose, reserving, NO_HOLDS)).balance.sums.reserved_persons == 2
    assert apply(strict, reserving, NO_HOLDS) == Shortage(
        limit="persons", account_id=ONE, needed=1, available=0
    )


def test_a_draw_empties_the_oldest_year_first() -> None:
    older, newer = balance(1, allocated_cents=300), balance(2, allocated_cents=1_000)

    legs = legs_of(draw(ONE, TWO, cents=500), [older, newer], [NO_HOLDS, NO_HOLDS])

    assert not isinstance(legs, Shortage)
    assert [(one.account_id, one.change.reserved_cents) for one in legs] == [
        (ONE, 300),
        (TWO, 200),
    ]


def test_a_draw_is_all_or_nothing_and_says_what_is_free_in_all_years() -> None:
    older, newer = balance(1, allocated_cents=300), balance(2, allocated_cents=100)

    short = legs_of(draw(ONE, TWO, cents=401), [older, newer], [NO_HOLDS, NO_HOLDS])

    assert short == Shortage(limit="cents", account_id=TWO, needed=401, available=400)


def test_a_draw_passes_over_lapsed_years_and_says_so_where_all_have() -> None:
    lapsed = balance(1, allocated_cents=300, is_lapsed=True)
    newer = balance(2, allocated_cents=500)

    legs = legs_of(draw(ONE, TWO, cents=200), [lapsed, newer], [NO_HOLDS, NO_HOLDS])
    short = legs_of(draw(ONE, cents=200), [lapsed], [NO_HOLDS])

    assert not isinstance(legs, Shortage)
    assert [one.account_id for one in legs] == [TWO]
    assert short == Shortage(limit="lapsed", account_id=ONE, needed=200, available=0)


def test_a_draw_that_only_persons_keep_back_says_so() -> None:
    full = balance(
        1, allocated_cents=300, allocated_persons=1, committed_persons=1, binds_persons=True
    )

    short = legs_of(draw(ONE, cents=200), [full], [NO_HOLDS])
    known = legs_of(draw(ONE, cents=200), [full], [Holds(committed=1)])

    assert short == Shortage(limit="persons", account_id=ONE, needed=1, available=0)
    assert not isinstance(known, Shortage)
