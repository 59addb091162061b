"""Case systems that send information by their topics, and what else turns up there."""

import asyncio
import random
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tests.faults.broker import FaultyBroker
from tests.faults.inbound import GARBAGE, NUMBER, PARTITIONS, garbage
from tests.faults.postgres import Postgres
from tests.faults.relay_items import PLACES, Client, Sent, new_item
from tests.faults.relay_site import RELAY
from tests.faults.writing import Headers, Outgoing, RecordWriter

INBOUND = "kv.statement-relay.in."
TYPE = "fi.kuntavayla.information.sent.v1"
PAUSE_S_MAX = 0.3
STANDING_MIN = 60
"""So many records must stand in the end, whatever happened to the broker meanwhile."""
GARBAGE_SHARE, GARBAGE_MAX = 0.2, 36
REFUSED_SHARE = 0.15
TOGETHER_MAX = 3
"""So many items of a client are made together, and written in any order."""
REPEATED_SHARE = 0.2
"""So many items that stand are written once more, as by a producer that missed its answer."""
REFUSED: Mapping[str, str] = {
    "changed": "municipal_id_reused",
    "foreign": "municipality_not_served",
    "restricted": "only_by_rest",
}
"""Records of a good form that are refused with an event, and why."""
SYSTEMS = tuple(case_system_id for _, case_system_id, _ in PLACES)


class Written(Struct, frozen=True):
    """A record as it was written: what it is, and whose topic; a place once the broker has it."""

    number: int
    kind: str
    case_system_id: str
    municipal_id: str | None = None
    place: str | None = None


class TopicSender:
    """Writes items, repeats, what must be refused and garbage until told to finish."""

    def __init__(
        self,
        broker: FaultyBroker | None,
        rng: random.Random,
        *,
        clients: Sequence[Client],
        restricted: Sequence[Client] = (),
    ) -> None:
        self._broker = broker
        self._rng = rng
        self._clients = clients
        self._restricted = restricted
        self._kinds = [each for each in REFUSED if restricted or each != "restricted"]
        self._places = dict.fromkeys((each.number for each in clients), 0)
        self._is_finishing = asyncio.Event()
        self._garbage = self._refused = 0
        self._standing: list[Sent] = []
        self.sent: dict[str, Sent] = {}
        self.written: dict[int, Written] = {}
        self.broken = 0

    def finish(self) -> None:
        """Write no more than is missing."""
        self._is_finishing.set()

    async def run(self) -> None:
        """Write until `finish` was called and enough stands; without a broker nothing."""
        if self._broker is None:
            return
        writer = RecordWriter(self._broker.connection, self._rng)
        try:
            while not self._is_done():
                await self._write_some(writer)
                await self._pause()
        finally:
            await writer.close()
            self.broken = writer.broken

    def missing(self) -> list[str]:
        """Return which kinds of records were not written at all."""
        kinds = {"new", "repeated", *self._kinds, *(f"garbage: {kind}" for kind in GARBAGE)}
        written = {each.kind for each in self.written.values()}
        return [f"no record was written of the kind {kind}" for kind in sorted(kinds - written)]

    def _is_done(self) -> bool:
        standing = sum(each.place is not None for each in self.written.values())
        enough = standing >= STANDING_MIN and not self.missing()
        return self._is_finishing.is_set() and enough

    async def _pause(self) -> None:
        if self._is_finishing.is_set():
            return
        try:
            async with asyncio.timeout(self._rng.uniform(0, PAUSE_S_MAX)):
                await self._is_finishing.wait()
        except TimeoutError:
            return

    async def _write_some(self, writer: RecordWriter) -> None:
        drawn = self._rng.random()
        if drawn < GARBAGE_SHARE and self._garbage < GARBAGE_MAX:
            await self._write_garbage(writer)
        elif drawn < GARBAGE_SHARE + REFUSED_SHARE and self._standing:
            await self._write_refused(writer)
        else:
            await self._write_items(writer)

    async def _write_items(self, writer: RecordWriter) -> None:
        """Write items of one client, in any order, each until a record of it stands."""
        client = self._rng.choice(self._clients)
        first = self._places[client.number] + 1
        count = self._rng.randint(1, TOGETHER_MAX)
        self._places[client.number] += count
        items = [new_item(client, first + n) for n in range(count)]
        self._rng.shuffle(items)
        for place, sent in enumerate(items, first):
            sent.place, sent.is_by_topic = place, True
            self.sent[sent.municipal_id] = sent
            while not await self._write_item(writer, sent, kind="new"):
                continue
            # Of whom nothing is known yet is answered in the other feed, until that changes.
            if client.standing == "known":
                self._standing.append(sent)
        if self._standing and self._rng.random() < REPEATED_SHARE:
            await self._write_item(writer, self._rng.choice(self._standing), kind="repeated")

    async def _write_item(
        self, writer: RecordWriter, sent: Sent, *, kind: str, of: str | None = None
    ) -> bool:
        """Write a record once; tell whether it stands."""
        written = Written(
            len(self.written), kind, of or sent.client.case_system_id, sent.municipal_id
        )
        headers = _headers(self._rng)
        key = sent.client.client_id.encode()
        return await self._write(writer, written, key=key, value=sent.body, headers=headers)

    async def _write_refused(self, writer: RecordWriter) -> None:
        kind = self._kinds[self._refused % len(self._kinds)]
        self._refused += 1
        sent, of = self._rng.choice(self._standing), None
        if kind == "changed":
            item = msgspec.json.decode(sent.body)
            item["facts"]["job_offer_id"] = f"other-{self._refused}"
            sent = msgspec.structs.replace(sent, body=msgspec.json.encode(item))
        else:
            client = self._rng.choice(self._restricted) if kind == "restricted" else sent.client
            sent = new_item(client, self._refused, prefix="R")
        if kind == "foreign":
            of = self._rng.choice([each for each in SYSTEMS if each != sent.client.case_system_id])
        await self._write_item(writer, sent, kind=kind, of=of)

    async def _write_garbage(self, writer: RecordWriter) -> None:
        kind, number = [*GARBAGE][self._garbage % len(GARBAGE)], self._garbage
        client = self._rng.choice([each for each in self._clients if each.standing == "known"])
        self._garbage += 1
        item = msgspec.json.decode(new_item(client, number, prefix="G").body)
        item["author"]["official_id"] = "system"
        key, value, headers = garbage(kind, item, rng=self._rng, number=number)
        await self._write(
            writer,
            Written(len(self.written), f"garbage: {kind}", client.case_system_id),
            key=key,
            value=value,
            headers=_as_ours(headers),
        )

    async def _write(
        self,
        writer: RecordWriter,
        written: Written,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
    ) -> bool:
        self.written[written.number] = written
        record = Outgoing(
            topic=f"{INBOUND}{written.case_system_id}.v1",
            partition=zlib.crc32(key or b"") % PARTITIONS,
            key=key,
            value=value,
            headers=[*headers, (NUMBER, str(written.number).encode())],
        )
        place = await writer.write(record)
        self.written[written.number] = msgspec.structs.replace(written, place=place)
        return place is not None


def _headers(rng: random.Random) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"0177f6f0-9d20-76b5-8a23-%012d" % rng.randrange(10**12)),
        ("ce_source", b"/case-system"),
        ("ce_type", TYPE.encode()),
        ("content-type", b"application/json"),
    ]


def _as_ours(headers: Headers) -> Headers:
    """Return the headers of garbage with our type, but for those that have another by intent."""
    return [
        (name, TYPE.encode() if value.endswith(b"taken-over.v1") else value)
        for name, value in headers
    ]


READ_TO = "SELECT stream, cursor FROM inbox_positions WHERE consumer LIKE 'information.%'"


async def is_read(postgres: Postgres, ends: dict[str, int]) -> bool:
    """Say whether the relay has read its inbound topics up to these ends, by topic/partition."""
    rows: list[Any] = await postgres.fetch(RELAY, READ_TO)
    read = {row["stream"]: row["cursor"] for row in rows}
    return all(read.get(stream) == str(end) for stream, end in ends.items() if end)
