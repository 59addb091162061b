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
from kuntavayla_sandbox.case_systems.routing import CallRefused, RoutingAway
from kuntavayla_sandbox.week import Week, generate_week

SERVICE = "statement-relay"
ITEMS_MAX = 500
"""Lines of a bulk call: the share of 31 case systems stays small, and the progress moves."""
AWAY_PAUSE_S = 1.0
REFUSED_PAUSE_S = 5.0
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

    async def keep_week(self, week: Week) -> int:
        """Make up this case system's part of a week and keep it for sending; tell how many."""
        async with self._pool.acquire() as connection:
            clients = await store.list_week_clients(connection, self.case_system_id)
        entries = await asyncio.to_thread(generate_week, self.case_system_id, clients, week=week)
        async with transaction(self._pool) as connection:
            await store.append_week(connection, self.case_system_id, entries)
        self._to_send.set()
        return len(entries)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send())
            group.create_task(self._consume_common())
            group.create_task(self._consume(self._feed(Channel.RESTRICTED), Channel.RESTRICTED))

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
        async with self._pool.acquire() as connection:
            waiting = await store.list_to_send(connection, self.case_system_id, limit=ITEMS_MAX)
        if not waiting:
            return 0
        first = _told_first(waiting)
        answers = await (self._calls.send(first) if first else self._mend(waiting[0]))
        async with transaction(self._pool) as connection:
            await store.mark_answered(connection, self.case_system_id, answers)
        return len(waiting)

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
