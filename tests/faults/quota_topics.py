"""What the ledger has published to the broker, held against its outbox."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from tests.faults import topics
from tests.faults.broker import FaultyBroker
from tests.faults.outside import unlike
from tests.faults.postgres import Postgres
from tests.faults.quota_site import LEDGER
from tests.faults.quota_stored import Stored
from tests.faults.topics import Record

PREFIX = "kv.quota-ledger."
PUBLISHED = "SELECT position FROM outbox_publisher"


class Published(Struct, frozen=True):
    """The records of the topics, and up to which event they were written; None without a broker."""

    records: Sequence[Record]
    position: int | None


async def load_published(postgres: Postgres, broker: FaultyBroker | None) -> Published:
    """Read the topics whole, and how far they were published."""
    if broker is None:
        return Published([], None)
    records = await topics.load_records(broker.connection, PREFIX)
    return Published(records, await postgres.count(LEDGER, PUBLISHED))


def check_topics(stored: Stored, published: Published) -> Iterator[str]:
    """Every common event stands on its topic as it is, at first in order; nothing else does."""
    if published.position is None:
        return
    common = {row["event_id"]: row for row in stored.outbox if row["channel"] == "common"}
    seen = set[str]()
    newest: dict[tuple[str, int], int] = {}
    for record in published.records:
        event_id = record.header("ce_id") or ""
        if event_id not in common:
            yield f"{record.place} holds what is no common event"
            continue
        row = common[event_id]
        event = msgspec.json.decode(row["body"])
        yield from unlike(record, row, event, service="quota-ledger")
        if event_id not in seen:
            seen.add(event_id)
            place = (record.topic, record.partition)
            if row["position"] < newest.get(place, 0):
                yield f"{record.place} comes first behind a later one"
            newest[place] = row["position"]
    yield from (f"event {each} is on no topic" for each in common if each not in seen)
    if published.position != stored.head[0]["position"]:
        yield f"published up to {published.position}, not {stored.head[0]['position']}"
