"""Reads a broker's topics: the partitions that a consumer group gives to this process.

Offsets live in our database, and nothing is committed to the broker: a consumer that loses a
partition in the middle of a batch, or is killed, loses and doubles nothing. Here a cursor is the
offset of the next record, as text.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import ConsumerRecord, TopicPartition
from typing_extensions import override

from kuntavayla.feed import LIMIT_MAX, WAIT_S_MAX
from kuntavayla.inbox.records import Record, incoming_of, offset_text
from kuntavayla.inbox.sources import EARLIEST, CursorRefused, SourceAway, SourceBatch, Speaker
from kuntavayla.outbox import keep_whole
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import log

START_S_MAX = 30
CLOSE_S_MAX = 10
LOOK_S = 1.0
"""How often a reader that waits for records looks whether its partitions have changed."""
SESSION_MS = 6_000
"""Without a heartbeat for so long a process is taken for dead; the broker allows no less."""
HEARTBEAT_MS = 2_000
FETCH_BYTES_MAX = 4 * 1_024 * 1_024
"""What one request brings at most: many consumers of one process wait side by side."""
METADATA_MS_MAX = 30_000
"""How old the knowledge of topics may be: one that is made later is found by then."""


class KafkaSource:
    """The partitions of topics that are this process's own now, as streams `topic/partition`.

    `group` names the consumer group, by which the processes of one consumer share the partitions.
    The broker's client is opened at the first read, and anew after a failure.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topics: Sequence[str],
        group: str,
        speaker: Speaker = Speaker.OURS,
    ) -> None:
        self._connection = connection
        self._topics = tuple(topics)
        self._group = group
        self._speaker = speaker
        self._consumer: Any = None
        self._listener = _Listener()
        self._offsets: dict[TopicPartition, int] = {}

    async def names(self) -> Collection[str]:
        """Return the partitions that are ours, waiting up to 25 s for the first; raises SourceAway.

        A process may have none while others of its consumer have them all.
        """
        consumer = await self._open()
        deadline_s = time.monotonic() + WAIT_S_MAX
        while not consumer.assignment() and time.monotonic() < deadline_s:
            self._listener.changed.clear()
            await self._look(consumer)
            await _wait(self._listener.changed, LOOK_S)
        if not consumer.assignment():
            self._tell_missing(consumer)
        return [_name_of(place) for place in sorted(consumer.assignment())]

    async def next_batches(self, cursors: Mapping[str, str]) -> Mapping[str, SourceBatch]:
        """Return records behind the cursors, at most 1,000; none after 25 s without any.

        Of a stream that was never read, first where it begins: so records that pass away before
        they are read are missed by nobody unnoticed. Returns early where the partitions change.
        Raises CursorRefused where a cursor's record has passed away, and SourceAway.
        """
        consumer = await self._open()
        wanted = {_place_of(name): cursor for name, cursor in cursors.items()}
        try:
            new = [place for place, cursor in wanted.items() if cursor == EARLIEST]
            if new:
                begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(new)
                return {_name_of(place): SourceBatch([], str(at)) for place, at in begins.items()}
            self._seek(consumer, wanted)
            return await self._read(consumer, wanted)
        except OffsetOutOfRangeError as error:
            for place in error.args[0]:
                log.error("inbox.offset_out_of_range", stream=_name_of(place))
            self._offsets.clear()
            raise CursorRefused from error
        except (IllegalStateError, NoOffsetForPartitionError):
            # The partitions have changed hands while we spoke about them.
            self._offsets.clear()
            return {}
        except KafkaError as error:
            log.warning("inbox.source_refused", error_type=type(error).__name__)
            await self.close()
            raise SourceAway from error

    async def close(self) -> None:
        """Leave the group and close the client; the next read opens another one."""
        consumer, self._consumer = self._consumer, None
        self._offsets.clear()
        if consumer is not None:
            await _stop(consumer)

    async def _open(self) -> Any:  # noqa: ANN401 - aiokafka ships no types
        if self._consumer is not None:
            return self._consumer
        consumer = aiokafka.AIOKafkaConsumer(
            **self._connection.client_options(),
            group_id=self._group,
            enable_auto_commit=False,
            # A jump over records that have passed away must be seen: the reader has missed them.
            auto_offset_reset="none",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            fetch_max_bytes=FETCH_BYTES_MAX,
            metadata_max_age_ms=METADATA_MS_MAX,
        )
        keep_whole(consumer._client)  # noqa: SLF001 - a consumer shows it no other way
        self._listener = _Listener()
        consumer.subscribe(self._topics, listener=self._listener)
        try:
            async with asyncio.timeout(START_S_MAX):
                await consumer.start()
        except (KafkaError, OSError) as error:
            log.warning("inbox.source_away", error_type=type(error).__name__)
            await _stop(consumer)
            raise SourceAway from error
        except BaseException:
            await _stop(consumer)
            raise
        self._consumer = consumer
        return consumer

    async def _look(self, consumer: Any) -> None:  # noqa: ANN401
        """Let the client tell what stands against joining the group."""
        try:
            async with asyncio.timeout(LOOK_S):
                await consumer.getmany(timeout_ms=0)
        except TimeoutError:
            return
        except NoOffsetForPartitionError:
            self._offsets.clear()
        except KafkaError as error:
            log.warning("inbox.source_refused", error_type=type(error).__name__)
            await self.close()
            raise SourceAway from error

    def _seek(self, consumer: Any, wanted: Mapping[TopicPartition, str]) -> None:  # noqa: ANN401
        """Go to the cursors wherever the client does not stand there already."""
        if self._listener.is_new:
            self._listener.is_new = False
            self._offsets.clear()
        for place, cursor in wanted.items():
            offset = int(cursor)
            if self._offsets.get(place) != offset:
                consumer.seek(place, offset)
                self._offsets[place] = offset

    async def _read(
        self,
        consumer: Any,  # noqa: ANN401
        wanted: Collection[TopicPartition],
    ) -> Mapping[str, SourceBatch]:
        deadline_s = time.monotonic() + WAIT_S_MAX
        stands, self._offsets = self._offsets, {}
        found: Mapping[TopicPartition, Sequence[ConsumerRecord]] = {}
        while not found and not self._listener.is_new and time.monotonic() < deadline_s:
            found = await consumer.getmany(
                *wanted, timeout_ms=int(LOOK_S * 1_000), max_records=LIMIT_MAX
            )
        if self._listener.is_new:
            # What was read may be of an assignment that began somewhere else.
            return {}
        # Cut off before this line nobody knows where the client stands, and it is sought anew.
        self._offsets = {**stands, **{place: _behind(records) for place, records in found.items()}}
        return {_name_of(place): self._batch_of(records) for place, records in found.items()}

    def _batch_of(self, records: Sequence[ConsumerRecord]) -> SourceBatch:
        messages = [incoming_of(_record_of(record), speaker=self._speaker) for record in records]
        return SourceBatch(messages, str(_behind(records)))

    def _tell_missing(self, consumer: Any) -> None:  # noqa: ANN401
        """Say which topics the broker does not show: they are not made, or not ours to read."""
        for topic in self._topics:
            if not consumer.partitions_for_topic(topic):
                log.warning("inbox.topic_missing", stream=topic)


class _Listener(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Notes that partitions have changed hands; where to read them stands in the database."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.is_new = False

    @override
    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._note()

    @override
    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._note()

    def _note(self) -> None:
        self.is_new = True
        self.changed.set()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _stop(consumer: Any) -> None:  # noqa: ANN401
    """Close a client, also one whose broker does not answer."""
    try:
        async with asyncio.timeout(CLOSE_S_MAX):
            await consumer.stop()
    except (TimeoutError, KafkaError) as error:
        log.warning("inbox.source_not_closed", error_type=type(error).__name__)


def _name_of(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}"


def _place_of(name: str) -> TopicPartition:
    topic, _, partition = name.rpartition("/")
    return TopicPartition(topic, int(partition))


def _behind(records: Sequence[ConsumerRecord]) -> int:
    last: int = records[-1].offset
    return last + 1


def _record_of(record: ConsumerRecord) -> Record:
    return Record(
        headers=tuple((name, value or b"") for name, value in record.headers),
        body=record.value,
        key=record.key,
        place=f"{record.topic}/{record.partition}/{record.offset}",
        offset_text=offset_text(record.offset),
    )
