"""Reads a publisher's feed over HTTP by long polls."""

from collections.abc import Awaitable, Callable

import httpx
import msgspec

from kuntavayla.feed import LIMIT_MAX, WAIT_S_MAX
from kuntavayla.inbox.sources import CursorRefused, IncomingEvent, SourceAway, SourceBatch
from kuntavayla.telemetry import log

FEED_ANSWER_S_MAX = WAIT_S_MAX + 15

TokenSource = Callable[[], Awaitable[str]]

_decode_events = msgspec.json.Decoder(list[IncomingEvent]).decode


class FeedSource:
    """Reads a publisher's feed over HTTP by long polls."""

    def __init__(self, client: httpx.AsyncClient, *, url: str, token: TokenSource) -> None:
        self._client = client
        self._url = url
        self._token = token

    async def next_batch(self, cursor: str) -> SourceBatch:
        """Return at most 1,000 events; an empty batch after 25 s without any."""
        parameters = {"after": cursor, "limit": str(LIMIT_MAX), "wait": str(WAIT_S_MAX)}
        try:
            answer = await self._client.get(
                self._url,
                params=parameters,
                headers={"Authorization": f"Bearer {await self._token()}"},
                timeout=FEED_ANSWER_S_MAX,
            )
        except httpx.TransportError as error:
            raise SourceAway from error
        if answer.status_code == httpx.codes.GONE:
            raise CursorRefused
        if answer.status_code != httpx.codes.OK:
            log.warning("inbox.source_refused", status=answer.status_code)
            raise SourceAway
        return SourceBatch(_decode_events(answer.content), answer.headers["Next-Cursor"])
