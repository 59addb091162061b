"""Records on the inbound topic of a case system, handled by the service's own consumer."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from httpx import Response

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
from routing_api.routes.desk import Desk
from tests.routing_api.service import Caller, Json, Routing

TYPE = "fi.kuntavayla.transfer.taken-over.v1"
CONSUMER = "acknowledgements.cs-sotkamo"
OPERATOR = {"Acting-Official": "operator:u-1; role=operator"}
REASON = {"reason": "The case system has mended its export."}
ITEM = {"taken_over_at": "2021-03-01T08:01:00+02:00"}


class Topic:
    """One partition of an inbound topic, whose records stand in a list; a cursor is an offset."""

    def __init__(self, case_system_id: str = "cs-sotkamo") -> None:
        self.name = f"kv.routing-api.in.{case_system_id}.v1"
        self.consumer = f"acknowledgements.{case_system_id}"
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
            "ce_type": TYPE,
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


async def read(routing: Routing, topic: Topic) -> None:
    """Let the service read a topic to its end."""
    desk: Desk = routing.app.state.desk
    consumption = desk.consumptions(topic.consumer)
    assert consumption is not None
    reader = Inbox(
        desk.pool,
        OneStream(topic, f"{topic.name}/0"),
        consumer=topic.consumer,
        parking=consumption.parking,
    )
    await reader.step(consumption.handle)


async def answers_to(routing: Routing, case_system_id: str = "cs-sotkamo") -> Sequence[Any]:
    """Return the answers to refused records, as the case system reads them in its feed."""
    events = await routing.case_system(case_system_id).events()
    return [
        event["data"]
        for event in events
        if event["type"] == "fi.kuntavayla.acknowledgement.refused.v1"
    ]


async def repair(
    caller: Caller, path: str, body: Json, *, key: str | None = "k-1", **headers: str
) -> Response:
    """Call as an official of the operator, under a key unless there is to be none."""
    named = {**OPERATOR, **({"Idempotency-Key": key} if key else {}), **headers}
    return await caller.post(path, body, headers=named)
