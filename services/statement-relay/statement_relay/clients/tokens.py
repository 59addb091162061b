"""The line to the issuer of a receiver's tokens: verified, bounded, of its own."""

from kuntavayla.auth import TokenReply, TokenRequest
from statement_relay.clients.exchanges import Line, Sent


class IssuerLine:
    """The one connection to an issuer, as `kuntavayla.auth.TokenCache` speaks over it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def post(self, request: TokenRequest, *, timeout_s: float) -> TokenReply | str:
        """Return the answer, or the code of why there is none within the time."""
        sent = Sent(method="POST", url=request.url, headers=request.headers, body=request.body)
        received = await self._line.exchange(sent, timeout_s=timeout_s)
        if isinstance(received, str):
            return received
        return TokenReply(received.status, received.body)

    async def close(self) -> None:
        """Close the connection."""
        await self._line.close()
