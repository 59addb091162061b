"""Calls to the receiver as the relay makes them, and the answer as far as the relay reads it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.conformance.samples import Document, bytes_of, digest_of

ANSWER_S_MAX = 20.0
ANSWER_BYTES_MAX = 65_536
LIST_BYTES_MAX = 1_048_576
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

    def require(self, *statuses: int) -> None:
        """Return where the status is one of these; raises Broken."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            raise Broken(expected=wanted, found=self.told())

    def told(self) -> str:
        """Return the status, and the code where a problem document carries one."""
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


class Receiver:
    """The receiver under trial."""

    def __init__(self, client: httpx.AsyncClient, *, url: str, token: str | None) -> None:
        self._client = client
        self._url = url.rstrip("/") + "/statement-information"
        self._token = token

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
            "Authorization": f"Bearer {self._token}" if self._token else None,
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
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        request = self._client.build_request("GET", self._url, params=parameters, headers=headers)
        return await self._send(request, bytes_max=LIST_BYTES_MAX)

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
        return Answer(answer.status_code, media_type, body)


async def _read(answer: httpx.Response, *, bytes_max: int) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > bytes_max:
            raise Broken(expected=f"at most {bytes_max:,} bytes of answer", found="more")
    return bytes(body)
