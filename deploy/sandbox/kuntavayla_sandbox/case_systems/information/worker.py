"""One case system telling: its week sent in order, its events about it read.

The sending finds its work by the state of rows; what comes back has effect inside an inbox.
"""

import asyncio
from collections.abc import Sequence

import httpx

from kuntavayla.database import AGAIN, AWAY, BUSY, Connection, Pool, transaction
from kuntavayla.events import Channel
from kuntavayla.inbox import (
    EARLIEST,
    CursorRefused,
    FeedSource,
    Inbox,
    IncomingEvent,
    KafkaSource,
    OneStream,
    Streams,
    restart,
)
from kuntavayla.outbox import topic_of
from kuntavayla.settings import KafkaConnection
from kuntavayla.telemetry import log
from kuntavayla_sandbox.calls import Tokens
from kuntavayla_sandbox.case_systems.configuration import Endpoint
from kuntavayla_sandbox.case_systems.information import store
from kuntavayla_sandbox.case_systems.information.calls import RelayCalls
from kuntavayla_sandbox.case_systems.information.store import Answered, ToSend
from kuntavayla_sandbox.case_systems.information.told import news_of
from kuntavayla_sandbox.case_systems.information.topic import InboundTopic
from kuntavayla_sandbox.case_systems.routing import CallRefused, RoutingAway
from kuntavayla_sandbox.week import Entry, Week, generate_week

SERVICE = "statement-relay"
ITEMS_MAX = 500
"""Lines of a bulk call: the share of 31 case systems stays small, and the progress moves."""
AWAY_PAUSE_S = 1.0
REFUSED_PAUSE_S = 5.0
UNANSWERED_PAUSE_S = 0.2
FEEDS = {Channel.COMMON: "/events", Channel.RESTRICTED: "/events/restricted"}


class Telling:
    """The information of one case system."""

    def __init__(
        self,
        endpoint: Endpoint,
        pool: Pool,
        *,
        client: httpx.AsyncClient,
        relay_url: str,
        kafka: KafkaConnection | None,
    ) -> None:
        self.case_system_id = endpoint.case_system_id
        self.problem_code: str | None = None
        self._pool = pool
        self._client = client
        self._url = relay_url
        self._kafka = kafka
        self._tokens = Tokens(client, endpoint.credentials)
        self._calls = RelayCalls(
            client,
            url=relay_url,
            tokens=self._tokens,
            municipality_code=endpoint.municipality_code,
        )
        self._to_send = asyncio.Event()
        self._topic = (
            None
            if kafka is None
            else InboundTopic(kafka, service=SERVICE, case_system_id=self.case_system_id)
        )
        self._is_written = self._topic is None

    async def keep_week(self, week: Week) -> int:
        """Make up this case system's part of a week and keep it for sending; tell how many."""
        async with self._pool.acquire() as connection:
            clients = await store.list_week_clients(connection, self.case_system_id)
        entries = await asyncio.to_thread(generate_week, self.case_system_id, clients, week=week)
        await self.keep(entries)
        return len(entries)

    async def keep(self, entries: Sequence[Entry]) -> None:
        """Keep things for sending, behind what is kept already."""
        async with transaction(self._pool) as connection:
            await store.append_week(connection, self.case_system_id, entries)
        self._to_send.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send())
                group.create_task(self._consume_common())
                group.create_task(self._consume(self._feed(Channel.RESTRICTED), Channel.RESTRICTED))
        finally:
            if self._topic is not None:
                await self._topic.close()

    async def _send(self) -> None:
        while True:
            self._to_send.clear()
            if await self._try_once() == 0:
                await self._to_send.wait()

    async def _try_once(self) -> int | None:
        """Send the next ones and return how many there were; None where it is to be repeated."""
        try:
            found = await self._send_once()
        except RoutingAway as away:
            await asyncio.sleep(away.wait_s)
            return None
        except CallRefused as refused:
            self.problem_code = refused.problem.code
            log.warning("case_system.refused", problem=refused.problem.code)
            await asyncio.sleep(REFUSED_PAUSE_S)
            return None
        except (*AWAY, *AGAIN, *BUSY) as error:
            log.warning("case_system.repeating", error_type=type(error).__name__)
            await asyncio.sleep(AWAY_PAUSE_S)
            return None
        self.problem_code = None
        return found

    async def _send_once(self) -> int:
        await self._write_again()
        # Asked before the list is read: what is to be replaced is known by its answer.
        is_unanswered = await self._is_unanswered()
        async with self._pool.acquire() as connection:
            waiting = await store.list_to_send(connection, self.case_system_id, limit=ITEMS_MAX)
        if not waiting:
            return 0
        first = _told_first(waiting)
        if not first and is_unanswered:
            await asyncio.sleep(UNANSWERED_PAUSE_S)
            return len(waiting)
        if not first:
            await self._note(await self._mend(waiting[0]))
            return len(waiting)
        by_topic = [told for told in first if self._topic is not None and not told.is_restricted]
        by_call = [told for told in first if self._topic is None or told.is_restricted]
        if by_topic:
            await self._write(by_topic)
        if by_call:
            await self._note(await self._calls.send(by_call))
        return len(waiting)

    async def _note(self, answers: Sequence[Answered]) -> None:
        async with transaction(self._pool) as connection:
            await store.mark_answered(connection, self.case_system_id, answers)

    async def _write(self, told: Sequence[ToSend]) -> None:
        """Write items to the topic; they are noted first, so that a stop leaves none unwritten."""
        assert self._topic is not None, "there is a broker"
        self._is_written = False
        async with transaction(self._pool) as connection:
            ids = [each.municipal_id for each in told]
            await store.mark_sent(connection, self.case_system_id, ids)
        await self._topic.write(told)
        self._is_written = True

    async def _write_again(self) -> None:
        """Write what may not have reached the topic; the relay takes each item once."""
        if self._is_written or self._topic is None:
            return
        async with self._pool.acquire() as connection:
            unanswered = await store.list_unanswered(connection, self.case_system_id)
        if unanswered:
            await self._topic.write(unanswered)
        self._is_written = True

    async def _is_unanswered(self) -> bool:
        """Tell whether something that went by the topic waits for its answer."""
        if self._topic is None:
            return False
        async with self._pool.acquire() as connection:
            return await store.has_unanswered(connection, self.case_system_id)

    async def _mend(self, told: ToSend) -> list[Answered]:
        """Send one correction or withdrawal; nothing can replace what was refused."""
        if told.is_hopeless:
            return [Answered(municipal_id=told.municipal_id, problem_code="original_refused")]
        return [await self._calls.replace(told)]

    def _feed(self, channel: Channel) -> OneStream:
        feed = FeedSource(self._client, url=self._url + FEEDS[channel], token=self._tokens)
        return OneStream(feed, f"{SERVICE}/{channel}")

    async def _consume_common(self) -> None:
        """Consume from the broker where there is one; restricted events never go there."""
        if self._kafka is None:
            await self._consume(self._feed(Channel.COMMON), Channel.COMMON)
            return
        source = KafkaSource(
            self._kafka,
            topics=[topic_of(SERVICE, self.case_system_id)],
            group=f"{self.case_system_id}.information",
        )
        try:
            await self._consume(source, Channel.COMMON)
        finally:
            await source.close()

    async def _consume(self, streams: Streams, channel: Channel) -> None:
        consumer = f"{self.case_system_id}.information"
        inbox = Inbox(self._pool, streams, consumer=consumer)
        while True:
            try:
                await inbox.run(self._handle)
            except CursorRefused:
                # An outcome told twice stays what it is, so the stream is simply read again.
                log.warning("case_system.cursor_refused", recipient=consumer, stream=channel)
                async with transaction(self._pool) as connection:
                    await restart(
                        connection,
                        consumer=consumer,
                        streams=[f"{SERVICE}/{channel}"],
                        cursor=EARLIEST,
                    )

    async def _handle(self, connection: Connection, events: Sequence[IncomingEvent]) -> None:
        """Give a batch its effects, inside the inbox's transaction."""
        news = news_of(events)
        if news.answers and self._topic is not None:
            answers = list(news.answers.values())
            await store.mark_heard(connection, self.case_system_id, answers)
        if news.outcomes:
            outcomes = list(news.outcomes.values())
            await store.mark_outcomes(connection, self.case_system_id, outcomes)
        if news.late:
            await store.mark_late(connection, self.case_system_id, news.late)


def _told_first(waiting: Sequence[ToSend]) -> list[ToSend]:
    """Return the new items at the head of what waits."""
    first: list[ToSend] = []
    for told in waiting:
        if told.action != "new":
            break
        first.append(told)
    return first
