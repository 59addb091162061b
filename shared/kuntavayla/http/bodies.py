"""Bodies of requests: media type, content encoding, and limits for bytes received and inflated.

A body is read whole before anything answers. Limits hold while the bytes arrive, so a small bomb of
gzip costs no more memory than the largest body that is allowed.
"""

import zlib
from dataclasses import dataclass
from typing import NoReturn

from starlette.requests import ClientDisconnect, Request

from kuntavayla.auth import Refusal
from kuntavayla.http.exchanges import Exchange, exchange_of
from kuntavayla.http.problems import (
    BODY_TOO_LARGE,
    ENCODING_REFUSED,
    GZIP_MALFORMED,
    MEDIA_TYPE_REFUSED,
)

JSON = b"application/json"
NDJSON = b"application/x-ndjson"
_GZIP_WINDOW = 31
_LENGTH_DIGITS_MAX = 12
_MEMBERS_MAX = 16


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Most bytes of one body, as received and, if it was gzip, inflated."""

    received_bytes_max: int
    inflated_bytes_max: int


async def read_body(request: Request, *, limits: BodyLimits, media_type: bytes = JSON) -> bytes:
    """Return the whole body, inflated; refuses with 400, 413 or 415."""
    exchange = exchange_of(request)
    given = exchange.headers.get(b"content-type")
    if given != media_type:
        _check_media_type(given, media_type)
    _check_length(exchange, limits)
    encoding = exchange.headers.get(b"content-encoding")
    if encoding is None or encoding == b"identity":
        return await _read_plain(request, limits)
    if encoding.strip().lower() != b"gzip":
        raise Refusal(
            ENCODING_REFUSED,
            detail="Send the body plain or as gzip.",
            headers={"Accept-Encoding": "gzip"},
        )
    return await _read_gzip(request, limits)


def _check_media_type(given: bytes | None, wanted: bytes) -> None:
    kind, _, parameters = (given or b"").partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    if kind.strip().lower() != wanted or charset not in {b"", b"charset=utf-8"}:
        name = wanted.decode("ascii")
        raise Refusal(
            MEDIA_TYPE_REFUSED,
            detail=f"Send the body as {name}, in UTF-8.",
            headers={"Accept": name},
        )


def _check_length(exchange: Exchange, limits: BodyLimits) -> None:
    given = exchange.headers.get(b"content-length")
    if given is None or not given.isdigit():
        return
    if len(given) > _LENGTH_DIGITS_MAX or int(given) > limits.received_bytes_max:
        _refuse_size(limits.received_bytes_max)


async def _read_plain(request: Request, limits: BodyLimits) -> bytes:
    most = min(limits.received_bytes_max, limits.inflated_bytes_max)
    chunk, has_more = await _next_chunk(request)
    if not has_more and len(chunk) <= most:
        return chunk
    chunks = [chunk]
    size = len(chunk)
    while has_more and size <= most:
        chunk, has_more = await _next_chunk(request)
        chunks.append(chunk)
        size += len(chunk)
    if size > most:
        _refuse_size(most)
    return b"".join(chunks)


async def _read_gzip(request: Request, limits: BodyLimits) -> bytes:
    inflating = _Inflating(limits.inflated_bytes_max)
    received = 0
    has_more = True
    while has_more:
        chunk, has_more = await _next_chunk(request)
        received += len(chunk)
        if received > limits.received_bytes_max:
            _refuse_size(limits.received_bytes_max)
        inflating.feed(chunk)
    return inflating.finish()


async def _next_chunk(request: Request) -> tuple[bytes, bool]:
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


class _Inflating:
    """One gzip body on its way in; several members one after the other are one body (RFC 1952)."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._size = 0
        self._chunks: list[bytes] = []
        self._members = 1
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    def feed(self, chunk: bytes) -> None:
        """Inflate the next bytes; refuses with 400 or 413."""
        while chunk:
            if self._member.eof:
                self._members += 1
                if self._members > _MEMBERS_MAX:
                    raise Refusal(GZIP_MALFORMED, detail="The body has too many gzip members.")
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            self._take(chunk)
            chunk = self._member.unused_data

    def _take(self, chunk: bytes) -> None:
        try:
            inflated = self._member.decompress(chunk, self._bytes_max - self._size + 1)
        except zlib.error:
            raise Refusal(GZIP_MALFORMED) from None
        self._size += len(inflated)
        if self._size > self._bytes_max or self._member.unconsumed_tail:
            _refuse_size(self._bytes_max)
        self._chunks.append(inflated)

    def finish(self) -> bytes:
        """Return the inflated body; refuses with 400 where the last member is not complete."""
        if not self._member.eof:
            raise Refusal(GZIP_MALFORMED, detail="The body ends before its gzip member does.")
        return b"".join(self._chunks)


def _refuse_size(bytes_max: int) -> NoReturn:
    raise Refusal(BODY_TOO_LARGE, detail=f"The call takes at most {bytes_max} bytes.")
