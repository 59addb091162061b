"""One HTTP exchange with a counterpart that may misbehave: bounded in time and size, no redirects.

The caller sets the time: whatever the counterpart does, the exchange ends with it. What is read of
an answer is at most as long as the caller says, never inflated, and the rest is not waited for.
"""

import ssl
from collections.abc import Mapping
from typing import Literal

import aiohttp
from msgspec import Struct
from multidict import CIMultiDict, CIMultiDictProxy

from statement_relay.clients.deadlines import Deadlines
from statement_relay.rules.answers import Failure

BODY_BYTES_MAX = 65_536
CONNECT_S_MAX = 5.0
IDLE_CONNECTION_S = 15.0
"""How long an unused connection is kept; shorter than servers commonly keep theirs."""


class Sent(Struct, frozen=True, kw_only=True):
    """What is sent: exactly these bytes; of the answer at most `answer_bytes_max` are read."""

    method: Literal["GET", "PUT", "POST"]
    url: str
    headers: Mapping[str, str]
    body: bytes
    answer_bytes_max: int = BODY_BYTES_MAX


class Received(Struct, frozen=True, kw_only=True):
    """What came back, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def media_type(self) -> str:
        """Return the type of the body without parameters, in small letters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class Line:
    """The connections to one counterpart: at most so many, verified, closed by `close`.

    Two counterparts never share connections, so that one that hangs holds up nobody else's.
    """

    def __init__(self, *, connections_max: int, trust: ssl.SSLContext | None = None) -> None:
        self._connections_max = connections_max
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None
        self._deadlines = Deadlines()

    async def exchange(self, sent: Sent, *, timeout_s: float) -> Received | Failure:
        """Return what came of it within the time."""
        try:
            return await self._deadlines.keep(self._exchange(sent), timeout_s=timeout_s)
        except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
            return _failure_of(error)

    async def close(self) -> None:
        """Close every connection; what is under way is cut off."""
        if self._session is not None:
            await self._session.close()
        self._deadlines.close()

    async def _exchange(self, sent: Sent) -> Received | Failure:
        async with self._opened().request(
            sent.method,
            sent.url,
            data=sent.body or None,
            headers=sent.headers,
            allow_redirects=False,
        ) as response:
            body = await _read(response, bytes_max=sent.answer_bytes_max)
            if body is None:
                return "answer_too_large"
            return Received(status=response.status, headers=response.headers, body=body)

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session; it is made inside the loop that uses it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections_max,
                    ssl=self._trust if self._trust is not None else True,
                    keepalive_timeout=IDLE_CONNECTION_S,
                ),
                # The whole time is bounded around the exchange; a connection alone has less.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=CIMultiDict({"Accept": "application/json", "Accept-Encoding": "identity"}),
                auto_decompress=False,
                middlewares=(_once,),
            )
        return self._session


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request once.

    The library sends an idempotent one again by itself where a kept connection breaks. What is
    sent is counted and on record, so whether to repeat is decided by who sends it.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from (error.__cause__ or error)


async def _read(response: aiohttp.ClientResponse, *, bytes_max: int) -> bytes | None:
    """Return the body, or None for one that is larger than we read, or coded though not asked."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        response.close()
        return None
    parts = bytearray()
    async for chunk in response.content.iter_any():
        parts += chunk
        if len(parts) > bytes_max:
            response.close()
            return None
    return bytes(parts)


def _failure_of(error: Exception) -> Failure:
    if _is_alert(error) or _is_alert(error.__cause__):
        return "tls_failed"
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "tls_failed"
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return "not_connected"
        case TimeoutError():
            return "timed_out"
        case _:
            return "connection_lost"


def _is_alert(error: BaseException | None) -> bool:
    """Tell whether the counterpart ended TLS by an alert.

    With TLS 1.3 it judges our certificate after the handshake, so that its refusal comes later.
    """
    # Errors of aiohttp about a certificate are such ones too, without a reason.
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return "ALERT" in (reason or "")
