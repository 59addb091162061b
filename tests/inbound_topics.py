"""Records on the inbound topic of a case system, handled by a service's own consumer."""

from collections.abc import Mapping
from typing import Any

import msgspec

from kuntavayla.inbox import (
    Inbox,
    Incoming,
    OneStream,
    Record,
    SourceBatch,
    Speaker,
    incoming_of,
    offset_text,
)
from kuntavayla.service.routes.desk import ServiceDesk


class InboundTopic:
    """One partition of an inbound topic, whose records stand in a list; a cursor is an offset."""

    def __init__(self, name: str, *, consumer: str, type_name: str) -> None:
        self.name = name
        self.consumer = consumer
        self.type_name = type_name
        self.records: list[Incoming] = []

    async def next_batch(self, cursor: str) -> SourceBatch:
        first = 0 if cursor == "earliest" else int(cursor)
        batch = self.records[first : first + 1_000]
        return SourceBatch(batch, str(first + len(batch)))

    def write(
        self,
        value: Any,  # noqa: ANN401 - any JSON, or bytes
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Add a record, as the case system writes it: a CloudEvent in binary mode."""
        offset = len(self.records)
        attributes = {
            "ce_specversion": "1.0",
            "ce_id": f"0177f6f0-9d20-76b5-8a23-{offset:012d}",
            "ce_source": "/sotkamo",
            "ce_type": self.type_name,
            **(headers or {}),
        }
        record = Record(
            headers=tuple((name, text.encode()) for name, text in attributes.items()),
            body=value if isinstance(value, bytes) else msgspec.json.encode(value),
            key=None if key is None else key.encode(),
            place=f"{self.name}/0/{offset}",
            offset_text=offset_text(offset),
        )
        self.records.append(incoming_of(record, speaker=Speaker.OUTSIDE))

    async def read_by(self, desk: ServiceDesk) -> None:
        """Let a service read the topic to its end."""
        consumption = desk.consumptions(self.consumer)
        assert consumption is not None
        reader = Inbox(
            desk.pool,
            OneStream(self, f"{self.name}/0"),
            consumer=self.consumer,
            parking=consumption.parking,
        )
        await reader.step(consumption.handle)
