"""Damages to what the relay's campaign leaves on topics, one of each kind that must be found."""

from collections.abc import Callable
from typing import Any

from tests.faults import damages_of_topics
from tests.faults.relay_checking import Stored
from tests.faults.relay_outside import Outside
from tests.faults.topics import Record

Damage = Callable[[Stored, Outside], None]


def _inbound(left: Outside, kind: str) -> Record:
    """Return a record of the first kind that begins so."""
    numbers = {str(each.number) for each in left.written.values() if each.kind.startswith(kind)}
    return next(each for each in left.records if each.header("x-number") in numbers)


def _answer(stored: Stored, told: str) -> int:
    return next(
        at
        for at, row in enumerate(stored.outbox)
        if "information.refused.v1" in row["body"] and told in row["body"]
    )


def _park_good(_: Stored, left: Outside) -> None:
    left.parked.append({**left.parked[-1], "place": _inbound(left, "new").place})


def _forget_answer(stored: Stored, _: Outside) -> None:
    at = _answer(stored, "municipal_id_reused")
    stored.outbox[at]["body"] = stored.outbox[at]["body"].replace("information.refused", "other")


def _answer_for_another_reason(stored: Stored, _: Outside) -> None:
    at = _answer(stored, "municipality_not_served")
    body = stored.outbox[at]["body"]
    stored.outbox[at]["body"] = body.replace("municipality_not_served", "only_by_rest")


def _answer_in_the_common_feed(stored: Stored, _: Outside) -> None:
    row = next(
        row
        for row in stored.outbox
        if '"is_parked":true' in row["body"] and row["channel"] == "restricted"
    )
    row["channel"] = "common"


def _lose_inbound(_: Stored, left: Outside) -> None:
    left.records.remove(_inbound(left, "repeated"))


def _turn_inbound(stored: Stored, left: Outside) -> None:
    """Two items of a client change their places of acceptance."""
    names = {each.municipal_id for each in left.written.values() if each.kind == "new"}
    last: dict[str, dict[str, Any]] = {}
    for row in (each for each in stored.items if each["municipal_id"] in names):
        other = last.get(row["client_id"])
        if other is not None:
            row["ordinal"], other["ordinal"] = other["ordinal"], row["ordinal"]
            return
        last[row["client_id"]] = row


DAMAGES_OVER_BROKER: dict[str, Damage] = {
    damage.__name__.strip("_"): damage
    for damage in (
        *damages_of_topics.DAMAGES,
        _park_good,
        _forget_answer,
        _answer_for_another_reason,
        _answer_in_the_common_feed,
        _lose_inbound,
        _turn_inbound,
    )
}
