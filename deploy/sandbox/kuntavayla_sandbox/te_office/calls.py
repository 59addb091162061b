"""One PUT or GET of the contract, from its headers to its answer."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection
from datetime import date

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.errors import DomainError
from kuntavayla_sandbox.te_office import answers, store
from kuntavayla_sandbox.te_office.items import Item, decode_closed, decode_item
from kuntavayla_sandbox.te_office.knobs import Breach, Knobs
from kuntavayla_sandbox.te_office.receivers import Receivers
from kuntavayla_sandbox.te_office.receiving import Put, Refused
from kuntavayla_sandbox.te_office.tokens import TokenCheck, TokenRefused

BODY_BYTES_MAX = 65_536
PAGE_MAX = 1_000
CURSOR_DIGITS_MAX = 18
DIGEST = re.compile(r"sha-256=:[A-Za-z0-9+/]{43}=:")
Call = Callable[[Request, Knobs], Awaitable[Response]]
ABORT = "kuntavayla.abort"
"""Where the server puts what ends the connection without an answer."""


class Contract:
    """Answers the calls of the receiver contract that come through one door.

    Through that of tokens the others' receivers are refused; through the others nobody comes in
    without a certificate, so that `tokens` is None there.
    """

    def __init__(
        self, receivers: Receivers, receiver_ids: Collection[str], *, tokens: TokenCheck | None
    ) -> None:
        self._receivers = receivers
        self._receiver_ids = frozenset(receiver_ids)
        self._tokens = tokens

    async def put(self, request: Request) -> Response:
        """Take one item of information."""
        return await self._answer(request, self._take)

    async def listing(self, request: Request) -> Response:
        """List what was received on a day."""
        return await self._answer(request, self._list)

    async def _answer(self, request: Request, answer: Call) -> Response:
        receiver_id = request.path_params["receiver_id"]
        knobs = self._receivers.find_knobs(receiver_id)
        if knobs is None:
            return answers.problem(404, "receiver_unknown")
        if receiver_id not in self._receiver_ids:
            return answers.problem(403, "other_door")
        if knobs.is_away:
            request.scope[ABORT]()
            return await _never(request)
        await asyncio.sleep(knobs.latency_ms / 1_000)
        if knobs.is_silent:
            return await _never(request)
        is_faulty = self._receivers.is_call_faulty(receiver_id, knobs)
        if is_faulty and not knobs.error_after_storing:
            found = answers.fault_of(knobs)
        else:
            found = await self._judged(request, answer, knobs=knobs)
            if is_faulty:
                found = answers.fault_of(knobs)
        self._receivers.answered[receiver_id, found.status_code] += 1
        return found

    async def _judged(self, request: Request, answer: Call, *, knobs: Knobs) -> Response:
        try:
            if self._tokens is not None and Breach.TAKES_ANYBODY not in knobs.breaches:
                await self._tokens.require(request.headers.get("authorization", ""))
            return await answer(request, knobs)
        except CallRefused as refused:
            return answers.problem(refused.status, refused.code, pointer=refused.pointer)
        except TokenRefused as refused:
            headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}  # noqa: PLR2004 - HTTP's own number
            return answers.problem(refused.status, refused.code, headers=headers)
        except DomainError as failure:
            return answers.problem(503, failure.code, headers={"Retry-After": "1"})

    async def _take(self, request: Request, knobs: Knobs) -> Response:
        body = await _read(request, knobs)
        digest = _check_headers(request, body, knobs=knobs)
        item = _item_of(body, knobs=knobs)
        _check_key(request, item, knobs=knobs)
        outcome = await self._receivers.take(
            Put(
                receiver_id=request.path_params["receiver_id"],
                item=item,
                body=body,
                digest=digest,
                knobs=knobs,
            )
        )
        if isinstance(outcome, Refused):
            return answers.problem(outcome.status, outcome.code, pointer=outcome.pointer)
        return answers.answer_of(outcome, knobs)

    async def _list(self, request: Request, knobs: Knobs) -> Response:
        on, after, limit = _query_of(request)
        if Breach.IGNORES_LIMIT in knobs.breaches:
            limit = PAGE_MAX
        async with self._receivers.pool.acquire() as connection:
            items = await store.list_day(
                connection,
                request.path_params["receiver_id"],
                received_on=on,
                after=after,
                limit=limit,
            )
        if Breach.LISTS_NOTHING in knobs.breaches:
            items = []
        has_other = Breach.LISTS_OTHER_DIGESTS in knobs.breaches
        listed = [
            {
                "information_id": item.information_id,
                "receipt_id": item.receipt_id,
                "received_at": answers.text_of(item.received_at),
                "digest": answers.digest_of(b"") if has_other else item.digest,
            }
            for item in items
        ]
        cursor = str(items[-1].position) if len(items) == limit else None
        return answers.json_of({"items": listed, "next_cursor": cursor})


class CallRefused(Exception):
    """The call is not as the contract says."""

    def __init__(self, status: int, code: str, *, pointer: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.pointer = pointer


async def _never(request: Request) -> Response:
    """Wait until the caller has gone; what is returned reaches nobody."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response(status_code=503)


async def _read(request: Request, knobs: Knobs) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != answers.JSON and Breach.IGNORES_MEDIA_TYPE not in knobs.breaches:
        raise CallRefused(415, "media_type_refused")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX and Breach.IGNORES_SIZE not in knobs.breaches:
            raise CallRefused(413, "body_too_large")
    return bytes(body)


def _check_headers(request: Request, body: bytes, *, knobs: Knobs) -> str:
    """Return the digest of the body; refuses where the header says another one."""
    digest = answers.digest_of(body)
    if Breach.IGNORES_DIGEST in knobs.breaches:
        return digest
    told = request.headers.get("content-digest")
    if told is None:
        raise CallRefused(400, "digest_missing")
    if not DIGEST.fullmatch(told):
        raise CallRefused(400, "digest_malformed")
    if told != digest:
        raise CallRefused(400, "digest_mismatch")
    return digest


def _item_of(body: bytes, *, knobs: Knobs) -> Item:
    decode = decode_closed if Breach.REFUSES_NEW_MEMBERS in knobs.breaches else decode_item
    try:
        return decode(body)
    except msgspec.ValidationError as fault:
        raise CallRefused(422, "content_invalid", pointer=_pointer_of(fault)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CallRefused(400, "json_malformed") from None


def _pointer_of(fault: msgspec.ValidationError) -> str:
    """Return where the fault is; the decoder's words name it, and are not shown: they quote."""
    _, _, path = str(fault).rpartition(" - at `$")
    names = re.findall(r"\.([a-z_]+)|\[(\d+|\.\.\.)\]", path)
    return "".join(f"/{name or index}" for name, index in names) or "/"


def _check_key(request: Request, item: Item, *, knobs: Knobs) -> None:
    if request.path_params["information_id"] != str(item.information_id):
        raise CallRefused(400, "id_differs")
    if Breach.IGNORES_KEY in knobs.breaches:
        return
    key = request.headers.get("idempotency-key")
    if key is None:
        raise CallRefused(400, "idempotency_key_missing")
    if key.strip('"') != str(item.information_id):
        raise CallRefused(400, "idempotency_key_differs")


def _query_of(request: Request) -> tuple[date, int, int]:
    query = request.query_params
    after, limit = query.get("after", "0"), query.get("limit", str(PAGE_MAX))
    try:
        on = date.fromisoformat(query.get("received_on", ""))
    except ValueError:
        raise CallRefused(400, "query_malformed") from None
    is_number = after.isdecimal() and limit.isdecimal() and len(after) <= CURSOR_DIGITS_MAX
    if not is_number or not 1 <= int(limit) <= PAGE_MAX:
        raise CallRefused(400, "query_malformed")
    return on, int(after), int(limit)
