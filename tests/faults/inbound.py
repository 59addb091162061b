"""Case systems that acknowledge by their topics, and what else turns up there: garbage."""

import asyncio
import random
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from kuntavayla.register import load_register
from tests.builders import an_identity_code
from tests.faults.postgres import ROUTING, Postgres
from tests.faults.site import BY_TOPIC, DAY_ONE, SYSTEMS
from tests.faults.stack import Stack
from tests.faults.writing import Headers, Outgoing, RecordWriter

TYPE = "fi.kuntavayla.transfer.taken-over.v1"
NUMBER = "x-number"
"""A header of the campaign's own, by which a record is known again; nobody else reads it."""
PAUSE_S_MAX = 0.2
STANDING_MIN = 60
"""So many records must stand in the end, whatever happened to the broker meanwhile."""
GARBAGE_SHARE = 0.3
GARBAGE_MAX = 36
BY_TOPIC_SHARE = 0.5
"""So many acknowledgements come from the case system that has no other way."""
STRANGE = ("unknown", "foreign")
STRANGE_EVERY = 10
"""The first of so many acknowledgements is of a transfer that does not exist, or is another's."""
LARGE_BYTES = 300_000
DEEP = 100_000
PARTITIONS = 6
CANDIDATES = """
SELECT transfer_id::text, client_id::text, case_system_id FROM transfers
WHERE NOT is_restricted ORDER BY offered_at DESC, transfer_id LIMIT 60
"""
OFFERED = """
SELECT transfer_id::text, client_id::text, case_system_id FROM transfers
WHERE case_system_id = $1 AND state = 'offered' AND NOT is_restricted
ORDER BY offered_at, transfer_id
"""


class Sent(Struct, frozen=True):
    """A record as it was written: what it is, and whose topic; a place once the broker has it."""

    number: int
    kind: str
    case_system_id: str
    transfer_id: str | None = None
    place: str | None = None


class InboundSender:
    """Writes acknowledgements and garbage to the inbound topics until told to finish."""

    def __init__(self, stack: Stack, rng: random.Random) -> None:
        self._stack = stack
        self._rng = rng
        self._is_finishing = asyncio.Event()
        self._made: RecordWriter | None = None
        systems = load_register().case_systems(on=DAY_ONE.date())
        self._contact_points = {each.case_system_id: each.contact_point for each in systems}
        self._garbage = 0
        self._acknowledged = 0
        self._standing = set[str | None]()
        self.sent: dict[int, Sent] = {}

    @property
    def broken(self) -> int:
        """Return how many writes nobody confirmed."""
        return 0 if self._made is None else self._made.broken

    @property
    def _writer(self) -> RecordWriter:
        if self._made is None:
            assert self._stack.broker is not None, "there are topics only on a broker"
            self._made = RecordWriter(self._stack.broker.connection, self._rng)
        return self._made

    def finish(self) -> None:
        """Write no more than is missing, without pauses."""
        self._is_finishing.set()

    async def run(self) -> None:
        """Write until `finish` was called and enough stands.

        What is to be acknowledged by topic alone is written until a record of it stands, and never
        again: a repeat would hide that the first one was lost.
        """
        try:
            while not self._is_done():
                if self._rng.random() < GARBAGE_SHARE and self._garbage < GARBAGE_MAX:
                    await self._write_garbage()
                else:
                    await self._acknowledge()
                await self._pause()
            for row in await self._stack.postgres.fetch(ROUTING, OFFERED, self._stack.by_topic):
                while row["transfer_id"] not in self._standing:
                    await self._acknowledge_one(row, kind="known")
        finally:
            await self._writer.close()

    def _is_done(self) -> bool:
        standing = sum(sent.place is not None for sent in self.sent.values())
        is_all = self._garbage >= len(GARBAGE) and self._acknowledged > STRANGE_EVERY
        return self._is_finishing.is_set() and standing >= STANDING_MIN and is_all

    def missing(self) -> list[str]:
        """Return which kinds of records were not written at all."""
        kinds = {"known", *STRANGE, *(f"garbage: {kind}" for kind in GARBAGE)}
        written = {sent.kind for sent in self.sent.values()}
        return [f"no record was written of the kind {kind}" for kind in sorted(kinds - written)]

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._rng.uniform(0, PAUSE_S_MAX)):
                await self._is_finishing.wait()
        except TimeoutError:
            return

    async def _acknowledge(self) -> None:
        if self._rng.random() < BY_TOPIC_SHARE:
            rows = await self._stack.postgres.fetch(ROUTING, OFFERED, BY_TOPIC)
        else:
            rows = await self._stack.postgres.fetch(ROUTING, CANDIDATES)
        rows = [
            row
            for row in rows
            if row["case_system_id"] != BY_TOPIC or row["transfer_id"] not in self._standing
        ]
        if not rows:
            return
        turn, place = divmod(self._acknowledged, STRANGE_EVERY)
        kind = STRANGE[turn % len(STRANGE)] if place == 0 else "known"
        self._acknowledged += 1
        await self._acknowledge_one(self._rng.choice(rows), kind=kind)

    async def _acknowledge_one(self, row: Any, *, kind: str) -> None:  # noqa: ANN401 - a record
        case_system_id, transfer_id = row["case_system_id"], row["transfer_id"]
        if kind == "unknown":
            transfer_id = str(UUID(int=self._rng.getrandbits(128), version=4))
        if kind == "foreign":
            others = [name for name in SYSTEMS if name != case_system_id]
            case_system_id = self._rng.choice(others)
        body = msgspec.json.encode(self._item(transfer_id, case_system_id))
        await self._write(
            Sent(len(self.sent), kind, case_system_id, transfer_id),
            key=row["client_id"].encode(),
            value=body,
            headers=_headers(self._rng),
        )

    def _item(self, transfer_id: str, case_system_id: str) -> dict[str, Any]:
        """Return what the case system's own import would say of it."""
        caseworker = {
            "official_id": "system",
            "contact_point": self._contact_points[case_system_id],
        }
        return {
            "transfer_id": transfer_id,
            "taken_over_at": DAY_ONE.isoformat(),
            "caseworker": caseworker,
        }

    async def _write_garbage(self) -> None:
        kinds = list(GARBAGE)
        kind, number = kinds[self._garbage % len(kinds)], self._garbage
        system = SYSTEMS[number % len(SYSTEMS)]
        self._garbage += 1
        item = self._item(str(UUID(int=self._rng.getrandbits(128), version=4)), system)
        key, value, headers = garbage(kind, item, rng=self._rng, number=number)
        await self._write(
            Sent(len(self.sent), f"garbage: {kind}", system), key=key, value=value, headers=headers
        )

    async def _write(
        self, sent: Sent, *, key: bytes | None, value: bytes | None, headers: Headers
    ) -> None:
        """Write once; where nobody knows whether it came through, the topic tells at the end."""
        self.sent[sent.number] = sent
        topic = f"kv.routing-api.in.{sent.case_system_id}.v1"
        marked = [*headers, (NUMBER, str(sent.number).encode())]
        record = Outgoing(
            topic=topic,
            partition=sent.number % PARTITIONS,
            key=key,
            value=value,
            headers=marked,
        )
        place = await self._writer.write(record)
        if place is None:
            return
        self.sent[sent.number] = msgspec.structs.replace(sent, place=place)
        if sent.kind == "known":
            self._standing.add(sent.transfer_id)


def _headers(rng: random.Random, **changes: bytes) -> Headers:
    attributes = {
        "ce_specversion": b"1.0",
        "ce_id": str(UUID(int=rng.getrandbits(128), version=4)).encode(),
        "ce_source": b"/case-system",
        "ce_type": TYPE.encode(),
        **changes,
    }
    return list(attributes.items())


def _changed(item: dict[str, Any], **changes: object) -> bytes:
    return msgspec.json.encode({**item, **changes})


GARBAGE_CODES = {an_identity_code(1), an_identity_code(2)}
GARBAGE: dict[str, Any] = {
    "no JSON": lambda item: b"\x00\xff garbage",  # noqa: ARG005 - one form for all
    "nothing": lambda item: b"",  # noqa: ARG005
    "tombstone": lambda item: None,  # noqa: ARG005
    "no attributes": _changed,
    "attribute no text": _changed,
    "another type": _changed,
    "unknown field": lambda item: _changed(item, surprise=an_identity_code(1)),
    "identity code": lambda item: _changed(
        item, caseworker={"official_id": an_identity_code(2), "contact_point": "x"}
    ),
    "NUL": lambda item: _changed(item, caseworker={"official_id": "a\0b"}),
    "lone surrogate": lambda item: _changed(item).replace(b'"system"', b'"\\ud800"'),
    "oversized": lambda item: _changed(item, caseworker={"official_id": "x" * LARGE_BYTES}),
    "too deep": lambda item: b"[" * DEEP,  # noqa: ARG005
}
"""What stands in the value of each kind of garbage, made of a good item."""


def garbage(
    kind: str, item: dict[str, Any], *, rng: random.Random, number: int
) -> tuple[bytes | None, bytes | None, Headers]:
    """Return key, value and headers; the key is nobody's, no text, or none.

    A client lets nobody write neither key nor value.
    """
    keys = (f"garbage-{number}".encode(), b"\xff%d" % number, None)
    value = GARBAGE[kind](item)
    key = rng.choice(keys if value is not None else keys[:-1])
    match kind:
        case "no attributes":
            headers: Headers = []
        case "attribute no text":
            headers = _headers(rng, ce_id=b"\xff")
        case "another type":
            headers = _headers(rng, ce_type=b"fi.kuntavayla.client.transferred.v1")
        case _:
            headers = _headers(rng)
    return key, value, headers


READ_TO = """
SELECT stream, cursor FROM inbox_positions WHERE consumer LIKE 'acknowledgements.%'
"""


async def is_read(postgres: Postgres, ends: dict[str, int]) -> bool:
    """Say whether the service has read the inbound topics up to these ends, by topic/partition."""
    rows = await postgres.fetch(ROUTING, READ_TO)
    read = {row["stream"]: row["cursor"] for row in rows}
    return all(read.get(stream) == str(end) for stream, end in ends.items() if end)
