"""What the relay's campaign left outside its tables: topics, and what became of their records.

The checks know what was written and what the tables hold; no code of the service.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import msgspec
from msgspec import Struct

from tests.faults import topics
from tests.faults.broker import FaultyBroker
from tests.faults.inbound import NUMBER
from tests.faults.outside import unlike
from tests.faults.postgres import Postgres
from tests.faults.relay_checking import Stored
from tests.faults.relay_inbound import INBOUND, REFUSED, Written
from tests.faults.relay_routing import Window
from tests.faults.relay_site import RELAY
from tests.faults.topics import Record

PREFIX = "kv.statement-relay."
NAMELESS = frozenset({"no JSON", "nothing", "tombstone", "lone surrogate", "too deep"})
"""Garbage that says nothing of the client that it is about."""
PARKED = "SELECT place, state, reason FROM inbox_parked"
PUBLISHED = "SELECT position FROM outbox_publisher"


class Outside(Struct):
    """Everything of that; of a feed there are no records, nothing is written or parked."""

    records: list[Record]
    written: dict[int, Written]
    parked: list[Any]
    published: int | None

    def copied(self) -> "Outside":
        """Return the same, whose lists may be changed without harm."""
        return Outside(*(copy(getattr(self, name)) for name in self.__struct_fields__))


async def load_outside(
    postgres: Postgres, broker: FaultyBroker | None, written: dict[int, Written]
) -> Outside:
    """Read the topics whole, and how far they were published."""
    parked = [dict(row) for row in await postgres.fetch(RELAY, PARKED)]
    if broker is None:
        return Outside([], written, parked, None)
    records = await topics.load_records(broker.connection, PREFIX)
    return Outside(records, written, parked, await postgres.count(RELAY, PUBLISHED))


def check_topics(stored: Stored, left: Outside) -> Iterator[str]:
    """Every common event stands on its topic as it is, at first in order; nothing else does."""
    if left.published is None:
        return
    common = {
        (row["event_id"], row["redelivery_id"]): row
        for row in stored.outbox
        if row["channel"] == "common"
    }
    seen: set[tuple[str, str | None]] = set()
    newest: dict[tuple[str, int], int] = {}
    for record in (each for each in left.records if not each.topic.startswith(INBOUND)):
        event_id = record.header("ce_id") or "", record.header("ce_redeliveryid")
        if event_id not in common:
            yield f"{record.place} holds what is no common event"
            continue
        row = common[event_id]
        yield from unlike(record, row, msgspec.json.decode(row["body"]), service="statement-relay")
        if event_id not in seen:
            seen.add(event_id)
            place = (record.topic, record.partition)
            if row["position"] < newest.get(place, 0):
                yield f"{record.place} comes first behind a later one"
            newest[place] = row["position"]
    yield from (f"event {each} is on no topic" for each in common if each not in seen)
    if left.published != stored.head[0]["position"]:
        yield f"published up to {left.published}, not {stored.head[0]['position']}"


def check_inbound(stored: Stored, left: Outside) -> Iterator[str]:
    """Each record has its fate, once: taken, refused with an event, or parked and told of."""
    answers = _answers(stored)
    parked = Counter((row["place"], row["state"]) for row in left.parked)
    standing: dict[str, int] = {}
    blocked: set[tuple[str, bytes | None]] = set()
    for record in (each for each in left.records if each.topic.startswith(INBOUND)):
        written = left.written[int(record.header(NUMBER) or "")]
        standing[record.place] = written.number
        told, is_garbage = answers.pop(record.place, []), written.kind.startswith("garbage")
        is_behind = is_garbage and (record.topic, record.key) in blocked
        if is_garbage and record.key:
            blocked.add((record.topic, record.key))
        state = "queued" if is_behind else "parked"
        if parked.pop((record.place, state), 0) != is_garbage:
            yield f"{record.place} ({written.kind}) is not {state} alone"
        if told != ([] if is_behind else _answers_of(written)):
            yield f"{record.place} ({written.kind}) is answered {told}"
    yield from (f"parked is what nobody sent: {place}" for place in parked)
    yield from (f"answered is what nobody sent: {place}" for place in answers)
    for written in left.written.values():
        if written.place is not None and standing.get(written.place) != written.number:
            yield f"the broker lost {written.place}"


def _answers(stored: Stored) -> dict[str, list[tuple[Any, ...]]]:
    """Return what was told of each record: to whom, by which feed, whether parked, and why."""
    answers: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    channels = [row["channel"] for row in stored.told()]
    for channel, (kind, recipient, data) in zip(channels, stored.events(), strict=True):
        if kind == "information.refused" and data["topic"] is not None:
            place = f"{data['topic']}/{data['partition']}/{data['offset']}"
            code = None if data["is_parked"] else data["codes"]
            answers[place].append((recipient, channel, data["is_parked"], code))
    return answers


def _answers_of(written: Written) -> list[tuple[Any, ...]]:
    """Return how a record must be answered: not in common where nobody knows whom it is about."""
    if written.kind.startswith("garbage"):
        kind = written.kind.removeprefix("garbage: ")
        channel = "restricted" if kind in NAMELESS else "common"
        return [(written.case_system_id, channel, True, None)]
    if written.kind not in REFUSED:
        return []
    channel = "restricted" if written.kind == "restricted" else "common"
    return [(written.case_system_id, channel, False, [REFUSED[written.kind]])]


def check_channels(
    stored: Stored, windows: Mapping[str, Sequence[Window]], plain: Mapping[str, str]
) -> Iterator[str]:
    """Events about a client are in the feed that applied: where that changed, before and behind.

    `plain` is the feed of each client of whom nothing changed; what came while the change was under
    way may be in either.
    """
    channels = [(row["position"], row["channel"]) for row in stored.told()]
    for (position, channel), (kind, _, data) in zip(channels, stored.events(), strict=True):
        client_id = data.get("client_id") or ""
        for window in windows.get(client_id, ()):
            to = position if window.to is None else window.to
            is_inside = window.behind < position <= to
            if is_inside and channel != window.channel:
                yield f"{kind} at {position} about {client_id} is {channel}"
        if client_id not in windows and channel != plain.get(client_id, channel):
            yield f"{kind} at {position} about {client_id} is {channel}"


def check_secrecy(stored: Stored, left: Outside, hidden: Sequence[str]) -> Iterator[str]:
    """No client who has a ban all the time is named in a common event or on a topic of ours."""
    texts = {
        f"event {row['position']}": row["body"]
        for row in stored.outbox
        if row["channel"] == "common"
    }
    texts |= {
        record.place: (record.value or b"").decode(errors="replace")
        for record in left.records
        if not record.topic.startswith(INBOUND)
    }
    for name, text in texts.items():
        yield from (f"{name} names {each}" for each in hidden if each in text)


def check_redeliveries(stored: Stored, redelivered: Mapping[str, int]) -> Iterator[str]:
    """What was sent once more is as it was the first time, and as much as was answered."""
    first = {row["event_id"]: row for row in stored.told()}
    counts: Counter[str] = Counter()
    for row in (each for each in stored.outbox if each["redelivery_id"] is not None):
        counts[row["redelivery_id"]] += 1
        original = first.get(row["event_id"])
        same = ("recipient", "channel")
        if original is None or any(row[name] != original[name] for name in same):
            yield f"{row['position']} is sent again, and differs from the first time"
        elif not row["body"].startswith(original["body"][:-1]):
            yield f"{row['position']} is sent again with another body"
    if counts != redelivered:
        yield f"sent again are {dict(counts)}, answered {dict(redelivered)}"


def check_order_of_topics(stored: Stored, left: Outside) -> Iterator[str]:
    """Items of a client stand in the order in which records of them first stand on the topic."""
    if left.published is None:
        return
    ordinals = {row["municipal_id"]: row["ordinal"] for row in stored.items}
    first: dict[tuple[str, bytes | None], list[str]] = defaultdict(list)
    for record in (each for each in left.records if each.topic.startswith(INBOUND)):
        written = left.written[int(record.header(NUMBER) or "")]
        names = first[record.topic, record.key]
        if written.kind == "new" and written.municipal_id not in names:
            names.append(written.municipal_id or "")
    for (topic, _), names in first.items():
        placed = [ordinals.get(name, 0) for name in names]
        if placed != sorted(placed):
            yield f"items are not in the order of {topic}: {names}"
