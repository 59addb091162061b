"""What the campaign left outside the checked tables: topics, parked records, consumers, logs.

The checks know what was sent and what the tables hold; no code of the services, but for the seal of
the audit, which their own verifier computes anew.
"""

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from tests.faults.checking import Stored
from tests.faults.inbound import NUMBER, Sent
from tests.faults.postgres import ROUTING, Postgres
from tests.faults.seals import load_seal
from tests.faults.topics import Record

INBOUND = "kv.routing-api.in."
PARTITIONS = 6
PARKED = "SELECT place, state, reason, encode(content, 'escape') AS content FROM inbox_parked"
EFFECTS = "SELECT consumer, event_id, subject FROM disturbed_effects ORDER BY number"
PUBLISHED = "SELECT position FROM outbox_publisher"
IDENTITY_CODE = re.compile(r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]")
IN_DATA = {"data", "datacontenttype"}
PARKED_KIND = "garbage"


class Outside(Struct):
    """Everything of that; of a feed there are no records, nothing is sent or parked."""

    records: list[Record]
    sent: dict[int, Sent]
    parked: list[Any]
    effects: list[Any]
    published: int | None
    logs: dict[str, str]
    seal: list[str]

    def copied(self) -> "Outside":
        """Return the same, whose lists may be changed without harm."""
        return Outside(*(copy(getattr(self, name)) for name in self.__struct_fields__))


async def load_outside(
    postgres: Postgres,
    *,
    records: list[Record] | None,
    sent: dict[int, Sent],
    logs: Iterable[Path],
) -> Outside:
    """Read the tables and the logs; `records` are None where there is no broker."""
    return Outside(
        records=records or [],
        sent=sent,
        parked=await postgres.fetch(ROUTING, PARKED),
        effects=await postgres.fetch(CASE_SYSTEMS, EFFECTS),
        published=None if records is None else await postgres.count(ROUTING, PUBLISHED),
        logs={path.name: path.read_text(errors="replace") for path in logs},
        seal=await load_seal(postgres),
    )


def check_topics(stored: Stored, outside: Outside) -> list[str]:
    """Every common event stands on its topic as it is, at first in order; nothing else does."""
    if outside.published is None:
        return []
    common = {
        row["event_id"]: (row, event)
        for row, event in zip(stored.outbox, stored.events, strict=True)
        if row["channel"] == "common"
    }
    found, seen = list[str](), set[str]()
    newest: dict[tuple[str, int], str] = {}
    for record in (each for each in outside.records if not each.topic.startswith(INBOUND)):
        event_id = record.header("ce_id") or ""
        if event_id not in common:
            found.append(f"{record.place} holds what is no common event")
            continue
        row, event = common[event_id]
        found += unlike(record, row, event)
        if event_id not in seen:
            seen.add(event_id)
            place = (record.topic, record.partition)
            if event["sequence"] < newest.get(place, ""):
                found.append(f"{record.place} comes first behind a later one")
            newest[place] = event["sequence"]
    found += [f"event {each} is on no topic" for each in common if each not in seen]
    if outside.published != stored.head:
        found.append(f"published up to {outside.published}, not {stored.head}")
    return found


def unlike(
    record: Record,
    row: Any,  # noqa: ANN401 - a row
    event: dict[str, Any],
    *,
    service: str = "routing-api",
) -> list[str]:
    """Return how a record differs from its event."""
    key = event["partitionkey"].encode()
    pairs = {
        "topic": (record.topic, f"kv.{service}.{row['recipient']}.v1"),
        "key": (record.key, key),
        "partition": (record.partition, zlib.crc32(key) % PARTITIONS),
        "data": (msgspec.json.decode(record.value or b"null"), event["data"]),
    } | {
        name: (record.header(f"ce_{name}"), value)
        for name, value in event.items()
        if name not in IN_DATA
    }
    return [
        f"{record.place}: {name} differs" for name, (is_, should) in pairs.items() if is_ != should
    ]


def check_inbound(stored: Stored, outside: Outside) -> list[str]:
    """What is garbage is parked and answered once, what is refused answered once, else nothing."""
    answers: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for row, event in zip(stored.outbox, stored.events, strict=True):
        if event["type"] == "fi.kuntavayla.acknowledgement.refused.v1":
            data = event["data"]
            place = f"{data['topic']}/{data['partition']}/{data['offset']}"
            answers[place].append((row["recipient"], data["is_parked"]))
    parked = Counter((row["place"], row["state"]) for row in outside.parked)
    clean = _clean_transfers(stored)
    found, standing = list[str](), dict[str, int]()
    blocked: set[tuple[str, bytes | None]] = set()
    for record in (each for each in outside.records if each.topic.startswith(INBOUND)):
        sent = outside.sent[int(record.header(NUMBER) or "")]
        standing[record.place] = sent.number
        told, is_garbage = answers.pop(record.place, []), sent.kind.startswith(PARKED_KIND)
        # A writer that missed an acknowledgement writes again: then the first one's key waits.
        is_behind = is_garbage and (record.topic, record.key) in blocked
        state = "queued" if is_behind else "parked"
        if is_garbage and _is_key(record.key):
            blocked.add((record.topic, record.key))
        if parked.pop((record.place, state), 0) != is_garbage:
            found.append(f"{record.place} ({sent.kind}) is not {state} alone")
        if told not in ([[]] if is_behind else _answers_of(sent, clean=clean)):
            found.append(f"{record.place} ({sent.kind}) is answered {told}")
    found += [f"parked is what nobody sent: {place}" for place in parked]
    found += [f"answered is what nobody sent: {place}" for place in answers]
    return found + [
        f"the broker lost {sent.place}"
        for sent in outside.sent.values()
        if sent.place is not None and standing.get(sent.place) != sent.number
    ]


def check_by_topic(stored: Stored, outside: Outside, by_topic: str | None) -> list[str]:
    """Whatever is acknowledged for who does so by its topic alone has a record that says so."""
    if by_topic is None:
        return []
    standing = {
        outside.sent[int(record.header(NUMBER) or "")].transfer_id
        for record in outside.records
        if record.topic == f"{INBOUND}{by_topic}.v1"
    }
    mine = {row["transfer_id"] for row in stored.transfers if row["case_system_id"] == by_topic}
    told = [event["data"]["transfer_id"] for event in stored.events_of("transfer.acknowledged")]
    by_record = [each for each in told if each in mine]
    if not by_record:
        return [f"{by_topic} has acknowledged nothing by its topic"]
    return [f"{each} is acknowledged by no record" for each in by_record if each not in standing]


def _is_key(key: bytes | None) -> bool:
    """Say whether messages of this key wait for each other: wherever there is one."""
    return bool(key)


def _clean_transfers(stored: Stored) -> set[str]:
    """Return the transfers that stood all the time, of clients that never had a ban."""
    banned = {row["subject"] for row in stored.outbox if row["channel"] == "restricted"}
    return {
        row["transfer_id"]
        for row in stored.transfers
        if row["state"] == "acknowledged" and row["client_id"] not in banned
    }


def _answers_of(sent: Sent, *, clean: set[str]) -> list[list[tuple[str, bool]]]:
    """Return which answers a record may have; one that came about a change of its own may vary."""
    if sent.kind.startswith(PARKED_KIND):
        return [[(sent.case_system_id, True)]]
    refused = [(sent.case_system_id, False)]
    if sent.kind == "known":
        return [[]] if sent.transfer_id in clean else [[], refused]
    return [refused]


def check_disturbed(stored: Stored, outside: Outside, consumers: Mapping[str, str]) -> list[str]:
    """Each common event of a recipient had effect once on its consumer, in order per client."""
    found = []
    for consumer, recipient in consumers.items():
        expected: dict[str, list[str]] = defaultdict(list)
        for row in stored.outbox:
            if row["recipient"] == recipient and row["channel"] == "common":
                expected[row["subject"]].append(row["event_id"])
        had: dict[str, list[str]] = defaultdict(list)
        for row in outside.effects:
            if row["consumer"] == consumer:
                had[row["subject"]].append(row["event_id"])
        found += [
            f"{consumer}: effects of {subject} are {had.get(subject)}, not {expected.get(subject)}"
            for subject in sorted({*expected, *had})
            if had.get(subject) != expected.get(subject)
        ]
        if not expected:
            found.append(f"{recipient} had nothing to read")
    return found


def check_secrecy(stored: Stored, outside: Outside, codes: set[str]) -> list[str]:
    """No identity code stands in an event, on a topic of ours, in a log, or unsealed."""
    texts = {f"event {row['event_id']}": row["body"] for row in stored.outbox}
    texts |= {f"parked {row['place']}": row["content"] for row in outside.parked}
    texts |= outside.logs
    texts |= {
        record.place: _text_of(record)
        for record in outside.records
        if not record.topic.startswith(INBOUND)
    }
    return [
        f"{name} holds an identity code"
        for name, text in texts.items()
        if codes & {*IDENTITY_CODE.findall(text)}
    ]


def _text_of(record: Record) -> str:
    parts: Sequence[bytes] = (
        record.key or b"",
        record.value or b"",
        *(value for _, value in record.headers),
    )
    return b"\n".join(parts).decode(errors="replace")
