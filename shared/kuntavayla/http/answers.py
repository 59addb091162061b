"""Answers: values to JSON bytes by msgspec or to CSV, instants as text, versions as ETags."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal
from kuntavayla.http.exchanges import exchange_of
from kuntavayla.http.problems import IF_MATCH_MISSING, VERSION_DIFFERS

CSV = "text/csv"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_encode = msgspec.json.Encoder().encode


class JsonAnswer(Response):
    """A complete JSON answer of bytes made already."""

    media_type = "application/json"


def json_answer(
    value: object, *, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS
) -> Response:
    """Answer a value as JSON; bytes are taken as JSON made already."""
    body = value if isinstance(value, bytes) else _encode(value)
    return JsonAnswer(body, status_code=status, headers=headers)


def ndjson_answer(body: bytes, *, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
    """Answer lines of JSON, made whole before the first byte leaves."""
    return Response(body, media_type="application/x-ndjson", headers=headers)


def csv_answer(
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Response:
    """Answer rows as CSV in UTF-8 (RFC 4180) with a line of names; what is None is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows(rows)
    media_type = f"{CSV}; charset=utf-8; header=present"
    return Response(text.getvalue(), media_type=media_type, headers=headers)


def to_instant_text(at: datetime) -> str:
    """Return an aware instant as contracts.md wants it: UTC, milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def etag_of(version: int) -> str:
    """Return the strong ETag of a version."""
    return f'"{version}"'


def require_match(request: Request, *, current: str) -> None:
    """Refuse unless If-Match names the current ETag: 428 without it, 412 for another version."""
    given = exchange_of(request).header(b"if-match")
    if given is None:
        raise Refusal(IF_MATCH_MISSING, detail="Send the ETag that you read as If-Match.")
    if current not in (tag.strip() for tag in given.split(",")):
        raise Refusal(VERSION_DIFFERS, detail="Read again, then decide anew.")
