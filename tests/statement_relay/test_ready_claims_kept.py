"""Claims that lie ready, as a courier keeps them in its memory."""

import pytest

from statement_relay.operations.delivering import Turn
from statement_relay.rules.deliveries import Delivery
from statement_relay.workers.ready import ReadyClaims
from tests.statement_relay.deliveries import OTHER_RECEIVER, RECEIVER


def delivery_of(name: str, receiver_id: str = RECEIVER) -> Delivery:
    return Delivery(
        receiver_id=receiver_id,
        client_id=name,
        lease_token=name,
        information_id=name,
        attempt=1,
        body=b"{}",
        digest="",
        official_id="sotkamo:u-1042",
    )


def test_a_receiver_is_calm_for_a_while_after_a_turn_unless_a_call_fails() -> None:
    claims = ReadyClaims(calm_s=0.25, lately_s=60.0)
    before = claims.is_calm(RECEIVER, now_s=7.0)

    claims.end_turn(Turn(calm={RECEIVER: True}), claimed_at=7.0)
    soon = [claims.is_calm(RECEIVER, now_s=now_s) for now_s in (7.0, 7.25, 7.26)]
    claims.upset(RECEIVER)

    assert (before, soon) == (False, [True, True, False])
    assert not claims.is_calm(RECEIVER, now_s=7.0)


def test_claims_of_a_receiver_that_is_not_calm_any_more_are_left() -> None:
    claims = ReadyClaims(calm_s=60.0, lately_s=60.0)
    first, second, other = delivery_of("a"), delivery_of("b"), delivery_of("c", OTHER_RECEIVER)
    calm = {RECEIVER: True, OTHER_RECEIVER: True}
    claims.end_turn(Turn(deliveries=[first, other], calm=calm), claimed_at=1)

    turn = Turn(deliveries=[second], calm={RECEIVER: False}, places={RECEIVER: 1})
    begun, left = claims.end_turn(turn, claimed_at=2)

    assert (begun, left, claims.all) == ([second], [first], [other])


def test_what_a_turn_has_claimed_while_a_call_failed_begins_where_there_are_places() -> None:
    claims = ReadyClaims(calm_s=60.0, lately_s=60.0)
    first, second, third = (delivery_of(name) for name in "abc")
    claims.end_turn(Turn(deliveries=[first], calm={RECEIVER: True}), claimed_at=1)
    claims.begin_turn(now_s=2)
    dropped = claims.upset(RECEIVER)

    turn = Turn(deliveries=[second, third], calm={RECEIVER: True}, places={RECEIVER: 1})
    ended = claims.end_turn(turn, claimed_at=2)

    assert (dropped, ended, claims.all) == ([first], ([second], [third]), [])
    assert not claims.is_calm(RECEIVER, now_s=2)


@pytest.mark.parametrize("is_calm", [True, False])
def test_what_a_turn_has_claimed_while_its_receiver_asked_for_time_is_left(
    *, is_calm: bool
) -> None:
    claims = ReadyClaims(calm_s=60.0, lately_s=60.0)
    delivery = delivery_of("a")
    claims.begin_turn(now_s=2)
    claims.upset(RECEIVER, wants_none=True)

    turn = Turn(deliveries=[delivery], calm={RECEIVER: is_calm}, places={RECEIVER: 1})
    ended = claims.end_turn(turn, claimed_at=2)

    assert (ended, claims.all) == (([], [delivery]), [])


def test_a_claim_that_has_lain_ready_too_long_is_left() -> None:
    claims = ReadyClaims(calm_s=60.0, lately_s=1.0)
    older, newer = delivery_of("a"), delivery_of("b")
    claims.end_turn(Turn(deliveries=[older], calm={RECEIVER: True}), claimed_at=1.0)
    claims.end_turn(Turn(deliveries=[newer], calm={RECEIVER: True}), claimed_at=2.0)

    ended = claims.end_turn(Turn(calm={RECEIVER: True}), claimed_at=2.5)

    assert (ended, claims.all) == (([], [older]), [newer])


def test_no_more_may_lie_ready_than_calls_have_ended_well_lately() -> None:
    claims = ReadyClaims(calm_s=60.0, lately_s=1.0)
    for now_s in (1.0, 1.5, 2.0):
        claims.note_ended(RECEIVER, now_s=now_s)
    claims.note_ended(OTHER_RECEIVER, now_s=2.0)
    claims.upset(OTHER_RECEIVER)

    allowed = [claims.begin_turn(now_s=now_s)[RECEIVER] for now_s in (2.0, 2.3, 9.0)]

    assert allowed == [3, 2, 0]
    assert OTHER_RECEIVER not in claims.begin_turn(now_s=2.0)


def test_claims_take_places_in_the_order_in_which_they_were_made() -> None:
    claims = ReadyClaims(calm_s=60.0, lately_s=60.0)
    made = [delivery_of(name) for name in "abc"]
    claims.end_turn(Turn(deliveries=made, calm={RECEIVER: True}), claimed_at=1.0)

    taken = [claims.next(RECEIVER) for _ in made]

    assert taken == [(delivery, 1.0) for delivery in made]
    assert claims.next(RECEIVER) is None
    assert claims.clear() == []
