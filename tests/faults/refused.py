"""Calls that must be refused whatever happens around them, and that must leave nothing behind."""

import asyncio
import gzip
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import msgspec

from tests.builders import a_registration, an_identity_code
from tests.faults.stack import Stack

PAUSE_S_MAX = 0.5
OTHERS = 1_000_000
"""Their persons are nobody's whom the sender sends."""
RECEIVED_BYTES_MAX = 1_048_576
INFLATED_BYTES_MAX = 16_777_216
"""What the contract takes of one body and, inflated, of a bulk one: docs/settings.md."""
EXPECTED = {
    "expired token": httpx.codes.UNAUTHORIZED,
    "oversized": httpx.codes.REQUEST_ENTITY_TOO_LARGE,
    "inflated": httpx.codes.REQUEST_ENTITY_TOO_LARGE,
    "broken": httpx.codes.BAD_REQUEST,
    "wrong": httpx.codes.UNPROCESSABLE_ENTITY,
}
INFLATED = gzip.compress(b"\n" * (INFLATED_BYTES_MAX + 1))


class RefusedCaller:
    """Makes one bad call after the other until told to finish."""

    def __init__(self, stack: Stack, rng: random.Random) -> None:
        self._stack = stack
        self._rng = rng
        self._number = 0
        self._is_finishing = asyncio.Event()
        self.refused: Counter[str] = Counter()
        self.complaints: list[str] = []

    async def run(self) -> None:
        """Call until `finish` was called."""
        async with self._stack.client() as client:
            while not self._is_finishing.is_set():
                await self._call(client, self._rng.choice(list(EXPECTED)))
                try:
                    async with asyncio.timeout(self._rng.uniform(0, PAUSE_S_MAX)):
                        await self._is_finishing.wait()
                except TimeoutError:
                    continue

    def finish(self) -> None:
        """Make no further call."""
        self._is_finishing.set()

    async def _call(self, client: httpx.AsyncClient, kind: str) -> None:
        self._number += 1
        try:
            request = self._request(client, kind)
            if "Authorization" in request.headers:
                answer = await client.send(request, auth=None)
            else:
                answer = await client.send(request)
        except httpx.TransportError:
            return
        if answer.status_code == EXPECTED[kind]:
            self.refused[kind] += 1
        elif answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            self.complaints.append(f"{kind}: answered {answer.status_code}: {answer.text[:300]}")

    def _request(self, client: httpx.AsyncClient, kind: str) -> httpx.Request:
        body = msgspec.json.encode(
            a_registration(
                source__registration_id=f"URA-R-refused-{self._number}",
                person__identity_code=an_identity_code(OTHERS + self._number),
            )
        )
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"no-{self._number}"}
        match kind:
            case "expired token":
                headers["Authorization"] = self._expired()
            case "oversized":
                body += b" " * RECEIVED_BYTES_MAX
            case "inflated":
                headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
                return client.build_request(
                    "POST", "/registrations:bulk", content=INFLATED, headers=headers
                )
            case "broken":
                body = body[: self._rng.randrange(1, len(body) - 1)]
            case _:
                body = body.replace(b'"765"', b"765", 1)
        return client.build_request("POST", "/registrations", content=body, headers=headers)

    def _expired(self) -> str:
        issuer = self._stack.issuer
        [sender] = [each for each in self._stack.identities if each.name == "te-national"]
        then = datetime.now(UTC) - issuer.lifetime - timedelta(minutes=10)
        return f"Bearer {issuer.token(sender, scopes=issuer.scopes_of(sender), now=then)}"
