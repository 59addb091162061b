"""Calls to the receiver as the relay makes them, and the answer as far as the relay reads it."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.conformance.samples import Document, bytes_of, digest_of

ANSWER_S_MAX = 20.0
ANSWER_BYTES_MAX = 65_536
LIST_BYTES_MAX = 1_048_576
USER = "conformance:u-1"
"""On whose behalf the calls over X-Road are made: nobody's."""
T = TypeVar("T")
JSON, PROBLEM = "application/json", "application/problem+json"


class Broken(Exception):
    """A promise is not kept: what the contract says, and what came."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


class NotTried(Exception):
    """A promise cannot be tried on this receiver; the text says why."""


class Receipt(Struct, frozen=True):
    """The receipt of an item."""

    receipt_id: str
    received_at: datetime
    digest: str


class Problem(Struct, frozen=True):
    """A problem document, as far as the relay reads it."""

    status: int
    code: str


class Listed(Struct, frozen=True):
    """One item of a day."""

    information_id: str
    receipt_id: str
    received_at: datetime
    digest: str


class Page(Struct, frozen=True):
    """One page of a day."""

    items: list[Listed]
    next_cursor: str | None


class Answer(Struct, frozen=True):
    """What came back."""

    status: int
    media_type: str
    body: bytes
    bus_error: str | None = None

    def require(self, *statuses: int) -> None:
        """Return where the status is one of these; raises Broken."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            raise Broken(expected=wanted, found=self.told())

    def told(self) -> str:
        """Return the status, and the code where a problem document or the bus gives one."""
        if self.bus_error is not None:
            return f"{self.status} of X-Road: {self.bus_error}"
        try:
            return f"{self.status} {msgspec.json.decode(self.body, type=Problem).code}"
        except msgspec.MsgspecError:
            return f"{self.status} {self.media_type or 'without a media type'}"

    def receipt(self, *, sent: bytes) -> Receipt:
        """Return the receipt of an item that was sent; raises Broken or NotTried."""
        if self.status == httpx.codes.ACCEPTED:
            raise NotTried("the receiver answers 202; its receipts come later")
        self.require(httpx.codes.OK, httpx.codes.CREATED)
        receipt = self._decoded(Receipt, what="a receipt", media_type=JSON)
        if receipt.digest != digest_of(sent):
            raise Broken(expected="the digest of the body sent", found="another digest")
        if not receipt.receipt_id or receipt.received_at.tzinfo is None:
            raise Broken(expected="a receipt_id and a time with its offset", found="none")
        return receipt

    def require_problem(self, status: int, *codes: str) -> None:
        """Return where the answer is that problem; raises Broken."""
        self.require(status)
        problem = self._decoded(Problem, what="a problem document", media_type=PROBLEM)
        if problem.status != status:
            raise Broken(expected=f"status {status} in the problem", found=str(problem.status))
        if codes and problem.code not in codes:
            raise Broken(expected=f"code {' or '.join(codes)}", found=problem.code)

    def page(self) -> Page:
        """Return a page of a day's list; raises Broken."""
        self.require(httpx.codes.OK)
        return self._decoded(Page, what="a list of the day", media_type=JSON)

    def _decoded(self, type_: type[T], *, what: str, media_type: str) -> T:
        if self.media_type != media_type:
            raise Broken(expected=media_type, found=self.media_type or "no media type")
        try:
            return msgspec.json.decode(self.body, type=type_)
        except msgspec.MsgspecError:
            raise Broken(expected=what, found="a body of another form") from None


class XRoadNames(NamedTuple):
    """Who calls and what is called over X-Road."""

    client: str
    service: str


class Access(NamedTuple):
    """How the receiver is reached: `client` shows a certificate where there is one.

    Over X-Road `url` is the security server's. `stranger` reaches it without a certificate, and is
    None where none is asked for.
    """

    client: httpx.AsyncClient
    url: str
    token: str | None = None
    x_road: XRoadNames | None = None
    stranger: httpx.AsyncClient | None = None


class Receiver:
    """The receiver under trial."""

    def __init__(self, access: Access) -> None:
        self._client = access.client
        self._token = access.token
        self._x_road = access.x_road
        names = access.x_road
        before = access.url.rstrip("/") + (f"/r1/{names.service}" if names is not None else "")
        self._url = f"{before}/statement-information"

    @property
    def has_token(self) -> bool:
        """Tell whether calls carry a token."""
        return self._token is not None

    async def put(self, item: Document, **headers: str | None) -> Answer:
        """Put an item as the relay does; headers given so replace its own, None leaves one out."""
        return await self.put_bytes(item["information_id"], bytes_of(item), **headers)

    async def put_bytes(self, information_id: str, body: bytes, **headers: str | None) -> Answer:
        """Put these bytes under an id."""
        own: dict[str, str | None] = {
            "Content-Type": JSON,
            "Content-Digest": digest_of(body),
            "Idempotency-Key": f'"{information_id}"',
            **self._caller(),
        }
        own |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        request = self._client.build_request(
            "PUT",
            f"{self._url}/{information_id}",
            content=body,
            headers={name: value for name, value in own.items() if value is not None},
        )
        return await self._send(request, bytes_max=ANSWER_BYTES_MAX)

    async def list_day(self, parameters: Mapping[str, str]) -> Answer:
        """Ask for a page of a day."""
        request = self._client.build_request(
            "GET", self._url, params=parameters, headers=self._caller()
        )
        return await self._send(request, bytes_max=LIST_BYTES_MAX)

    def _caller(self) -> dict[str, str]:
        """Return the headers that say who calls."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if self._x_road is not None:
            headers["X-Road-Client"] = self._x_road.client
            headers["X-Road-Id"] = str(uuid.uuid4())
            headers["X-Road-UserId"] = USER
        return headers

    async def _send(self, request: httpx.Request, *, bytes_max: int) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                answer = await self._client.send(request, stream=True, follow_redirects=False)
                try:
                    body = await _read(answer, bytes_max=bytes_max)
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise Broken(
                expected=f"an answer within {ANSWER_S_MAX:.0f} s", found="none, or not all of it"
            ) from None
        except httpx.HTTPError as error:
            raise Broken(expected="an answer", found=type(error).__name__) from None
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Answer(answer.status_code, media_type, body, answer.headers.get("x-road-error"))


async def _read(answer: httpx.Response, *, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > bytes_max:
            raise Broken(expected=f"at most {bytes_max:,} bytes of answer", found="more")
    return bytes(body)
