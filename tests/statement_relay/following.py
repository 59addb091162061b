"""A stream of routing-api's internal events, read by the relay's own consumer."""

from collections.abc import Mapping
from typing import Any

import msgspec

from kuntavayla.events import sequence_text
from kuntavayla.inbox import Inbox, IncomingEvent, OneStream, SourceBatch
from kuntavayla.service.workers.routing import RESPONSIBILITY_CHANGED, Stream
from tests.statement_relay.items import CLIENT
from tests.statement_relay.service import Relay

CHANGED: Mapping[str, Any] = {
    "client_id": CLIENT,
    "clienthood_version": 1,
    "authority": "municipality",
    "municipality_code": "765",
    "area_code": "kainuu",
    "case_system_id": "cs-sotkamo",
    "te_office_code": "te-kainuu",
    "source_system": "ura",
    "source_client_number": "URA-C-0088123",
    "valid_from": "2021-03-01",
    "valid_to": None,
}


class Told:
    """The common stream as a list of events; a cursor is how many were read."""

    def __init__(self) -> None:
        self.events: list[IncomingEvent] = []

    def tell(self, data: object, *, client_id: str = CLIENT) -> None:
        """Tell of a change of responsibility, whatever its data are."""
        number = len(self.events) + 1
        self.events.append(
            IncomingEvent(
                id=f"0177f6f0-9d20-76b5-8a23-{number:012d}",
                type=RESPONSIBILITY_CHANGED,
                subject=client_id,
                time="2021-03-24T11:40:02.000Z",
                sequence=sequence_text(1, number),
                data=msgspec.Raw(msgspec.json.encode(data)),
                key=client_id.encode(),
            )
        )

    async def next_batch(self, cursor: str) -> SourceBatch:
        first = 0 if cursor == "earliest" else int(cursor)
        return SourceBatch(self.events[first:], str(len(self.events)))


async def read(relay: Relay, told: Told) -> None:
    """Let the service read the stream to its end."""
    consumption = relay.desk.consumptions(Stream.COMMON)
    assert consumption is not None
    reader = Inbox(
        relay.desk.pool,
        OneStream(told, "told"),
        consumer=Stream.COMMON,
        parking=consumption.parking,
    )
    await reader.step(consumption.handle)
