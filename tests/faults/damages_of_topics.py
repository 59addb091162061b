"""Damages to what a campaign leaves on topics and parked, whichever service was in it."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from tests.faults import outside, relay_inbound
from tests.faults.topics import Record

INBOUND = (outside.INBOUND, relay_inbound.INBOUND)


class Stored(Protocol):
    """What these damages read of the tables of a service."""

    @property
    def outbox(self) -> Sequence[Any]:
        """Return the rows of the outbox."""


class Outside(Protocol):
    """What these damages change outside the tables."""

    records: list[Record]
    parked: list[Any]
    published: int | None


def out(left: Outside) -> list[int]:
    """Return the places of the records on topics of ours."""
    return [at for at, each in enumerate(left.records) if not each.topic.startswith(INBOUND)]


def lose_records_of_event(_: Stored, left: Outside) -> None:
    """An event is on no topic."""
    event_id = left.records[out(left)[-1]].header("ce_id")
    left.records = [each for each in left.records if each.header("ce_id") != event_id]


def turn_records(_: Stored, left: Outside) -> None:
    """Two records of a partition have changed places."""
    last: dict[tuple[str, int], int] = {}
    for at in out(left):
        place = (left.records[at].topic, left.records[at].partition)
        before = last.get(place)
        if before is not None:
            records = left.records
            records[at], records[before] = records[before], records[at]
            return
        last[place] = at


def publish_restricted(stored: Stored, left: Outside) -> None:
    """A topic has an event of the restricted feed."""
    event_id = next(row["event_id"] for row in stored.outbox if row["channel"] == "restricted")
    record = left.records[out(left)[0]]
    headers = (*record.headers, ("ce_id", str(event_id).encode()))
    left.records.append(replace(record, headers=headers))


def change_record(_: Stored, left: Outside) -> None:
    """A record says something else."""
    at = out(left)[0]
    left.records[at] = replace(left.records[at], value=b"{}")


def stay_behind(_: Stored, left: Outside) -> None:
    """The publisher stands before its last event."""
    assert left.published is not None
    left.published -= 1


def lose_parked(_: Stored, left: Outside) -> None:
    """A parked record is not there."""
    left.parked.pop()


def park_twice(_: Stored, left: Outside) -> None:
    """A record is parked twice."""
    left.parked.append(left.parked[-1])


DAMAGES = (
    lose_records_of_event,
    turn_records,
    publish_restricted,
    change_record,
    stay_behind,
    lose_parked,
    park_twice,
)
"""Each must be found by the checker of every campaign over a broker."""
