"""A consumer's reading of its streams, again and again, whatever stops it; records as they came."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kuntavayla.database import Pool, transaction
from kuntavayla.inbox import (
    Consumption,
    CursorRefused,
    Inbox,
    Incoming,
    IncomingEvent,
    KafkaSource,
    Speaker,
    Streams,
    hold_back,
)
from kuntavayla.outbox import inbound_topic_of
from kuntavayla.register import CaseSystem
from kuntavayla.service.operations.inbound import Place, Received
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import log, trace_of

PAUSE_S = 5.0
NIL_ID = str(UUID(int=0))
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def keep_reading(
    pool: Pool,
    streams: Streams,
    *,
    consumer: str,
    consumption: Consumption,
    begin_anew: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Read until cancelled; what stops a reading is told in the log.

    Where records have passed away unread, `begin_anew` says what is done; without it the consumer
    is held back, and an operator starts it again.
    """
    reader = Inbox(pool, streams, consumer=consumer, parking=consumption.parking)
    while True:
        try:
            await reader.run(consumption.handle)
        except CursorRefused:
            log.error("inbox.records_lost", consumer=consumer)
            if begin_anew is None:
                await _hold_back(pool, consumer=consumer, now=consumption.parking.clock())
            else:
                await begin_anew()
        except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
            log.error("inbox.reading_failed", consumer=consumer, exc_info=error)
            await asyncio.sleep(PAUSE_S)
        finally:
            if isinstance(streams, KafkaSource):
                await streams.close()


class InboundDesk(Protocol):
    """How a service handles the topics that case systems write to it."""

    def topics(self) -> Mapping[str, str]:
        """Return the consumer of each inbound topic, by topic."""

    def consumption(self, consumer: str) -> Consumption | None:
        """Return how a consumer handles its records; None for a name that is none of these."""


def inbound_consumers(
    systems: Iterable[CaseSystem], *, service: str, prefix: str
) -> dict[str, str]:
    """Return the consumer of each case system's inbound topic, by topic."""
    return {
        inbound_topic_of(service, system.case_system_id): prefix + system.case_system_id
        for system in systems
    }


async def read_inbound(
    pool: Pool, broker: KafkaConnection, *, service: str, desk: InboundDesk
) -> None:
    """Read the inbound topics of all case systems until cancelled, each by a consumer of its own.

    So none waits for another.
    """
    async with asyncio.TaskGroup() as group:
        for topic, consumer in desk.topics().items():
            consumption = desk.consumption(consumer)
            assert consumption is not None, "a topic is that of a case system"
            source = KafkaSource(
                broker, topics=[topic], group=f"{service}.{consumer}", speaker=Speaker.OUTSIDE
            )
            group.create_task(
                keep_reading(pool, source, consumer=consumer, consumption=consumption)
            )


async def _hold_back(pool: Pool, *, consumer: str, now: datetime) -> None:
    async with transaction(pool) as connection:
        await hold_back(connection, consumer=consumer, now=now)


def received_of(incoming: Incoming, *, subject: str | None) -> Received:
    """Return what a record is answered by; `subject` is what its value names, where it does."""
    topic, partition, offset = incoming.place.rsplit("/", 2)
    key = (incoming.key or b"").decode("ascii", "replace")
    subject = id_or_none(key) or subject or NIL_ID
    cause_id, traceparent = None, None
    if isinstance(incoming, IncomingEvent):
        cause_id, traceparent = id_or_none(incoming.id), incoming.traceparent
    return Received(
        place=Place(topic, int(partition), int(offset)),
        subject=subject,
        cause_id=cause_id or subject,
        traceparent=trace_of(None, traceparent).traceparent,
    )


def id_or_none(text: str) -> str | None:
    """Return a text that has the form of our ids, None for any other."""
    return text if _ID.fullmatch(text) else None
