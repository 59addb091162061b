"""Damages to what the relay's campaign leaves on topics, one of each kind that must be found."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tests.faults.relay_checking import Stored
from tests.faults.relay_inbound import INBOUND
from tests.faults.relay_outside import Outside
from tests.faults.topics import Record

Damage = Callable[[Stored, Outside], None]


def _out(left: Outside) -> list[int]:
    """Return the places of the records on topics of ours."""
    return [at for at, each in enumerate(left.records) if not each.topic.startswith(INBOUND)]


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


def _lose_records_of_event(_: Stored, left: Outside) -> None:
    event_id = left.records[_out(left)[-1]].header("ce_id")
    left.records = [each for each in left.records if each.header("ce_id") != event_id]


def _turn_records(_: Stored, left: Outside) -> None:
    last: dict[tuple[str, int], int] = {}
    for at in _out(left):
        place = (left.records[at].topic, left.records[at].partition)
        before = last.get(place)
        if before is not None:
            records = left.records
            records[at], records[before] = records[before], records[at]
            return
        last[place] = at


def _publish_restricted(stored: Stored, left: Outside) -> None:
    event_id = next(row["event_id"] for row in stored.outbox if row["channel"] == "restricted")
    record = left.records[_out(left)[0]]
    headers = (*record.headers, ("ce_id", str(event_id).encode()))
    left.records.append(replace(record, headers=headers))


def _change_record(_: Stored, left: Outside) -> None:
    at = _out(left)[0]
    left.records[at] = replace(left.records[at], value=b"{}")


def _stay_behind(_: Stored, left: Outside) -> None:
    assert left.published is not None
    left.published -= 1


def _lose_parked(_: Stored, left: Outside) -> None:
    left.parked.pop()


def _park_twice(_: Stored, left: Outside) -> None:
    left.parked.append(left.parked[-1])


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
        _lose_records_of_event,
        _turn_records,
        _publish_restricted,
        _change_record,
        _stay_behind,
        _lose_parked,
        _park_twice,
        _park_good,
        _forget_answer,
        _answer_for_another_reason,
        _answer_in_the_common_feed,
        _lose_inbound,
        _turn_inbound,
    )
}
