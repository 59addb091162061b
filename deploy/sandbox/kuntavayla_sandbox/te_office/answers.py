"""Answers of a receiver: those of the contract, and the faithless ones that the knobs ask for."""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from starlette.responses import Response, StreamingResponse

from kuntavayla_sandbox.te_office.knobs import Answer, Knobs
from kuntavayla_sandbox.te_office.receiving import Taken

JSON = "application/json"
PROBLEM = "application/problem+json"
BIG_BODY_BYTES = 10 * 1024 * 1024
ELSEWHERE = "/somewhere-else"
HTML = b"<!doctype html><title>Login</title><p>Sign in to go on.</p>"
OTHER_TEXT = b"not the body that came"
TITLES = {
    400: "The call is not as the contract says",
    401: "The call proves no caller",
    403: "Not here, or not by this caller",
    404: "No such receiver",
    409: "This id is known with other content",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "The item is not taken",
}


def digest_of(body: bytes) -> str:
    """Return the SHA-256 of bytes in the form of RFC 9530."""
    return f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"


def json_of(content: object, *, status: int = 200) -> Response:
    """Return an answer with JSON."""
    return Response(msgspec.json.encode(content), status_code=status, media_type=JSON)


def problem(
    status: int, code: str, *, pointer: str = "", headers: dict[str, str] | None = None
) -> Response:
    """Return a problem document; a pointer names where in the body the fault is."""
    content: dict[str, object] = {
        "type": f"https://te.example/problems/{code.replace('_', '-')}",
        "title": TITLES.get(status, "Not now"),
        "status": status,
        "code": code,
    }
    if pointer:
        content["errors"] = [{"pointer": pointer, "code": code}]
    return Response(
        msgspec.json.encode(content), status_code=status, headers=headers, media_type=PROBLEM
    )


def fault_of(knobs: Knobs) -> Response:
    """Return the error that the knobs ask for."""
    headers = {}
    if knobs.error_retry_after is not None:
        headers["Retry-After"] = knobs.error_retry_after
    if knobs.error_x_road is not None:
        headers["X-Road-Error"] = knobs.error_x_road
    return problem(knobs.error_status, knobs.error_code, headers=headers)


def answer_of(taken: Taken, knobs: Knobs) -> Response:
    """Return the answer to an item that was taken, or what the knobs put in its place."""
    if taken.is_waiting:
        return json_of({"state": "receipt_follows"}, status=202)
    status = 201 if taken.is_new else 200
    match knobs.answer:
        case Answer.RECEIPT | Answer.RECEIPT_FOLLOWS:
            return _sent(_receipt(taken, digest=taken.digest), status=status, knobs=knobs)
        case Answer.OTHER_DIGEST:
            return _sent(_receipt(taken, digest=digest_of(OTHER_TEXT)), status=status, knobs=knobs)
        case Answer.BIG_BODY | Answer.CUT_OFF:
            return _misshapen(_receipt(taken, digest=taken.digest), status=status, knobs=knobs)
        case Answer.NO_RECEIPT | Answer.HTML | Answer.REDIRECT:
            return _without_receipt(knobs.answer, status=status)


def _without_receipt(answer: Answer, *, status: int) -> Response:
    """Return what a receiver sends that forgets to give a receipt."""
    if answer is Answer.HTML:
        return Response(HTML, media_type="text/html")
    if answer is Answer.REDIRECT:
        return Response(status_code=307, headers={"Location": ELSEWHERE})
    return json_of({}, status=status)


def _misshapen(receipt: bytes, *, status: int, knobs: Knobs) -> Response:
    """Return a receipt of 10 MiB, or half of one after which the connection ends."""
    if knobs.answer is Answer.BIG_BODY:
        return Response(receipt.ljust(BIG_BODY_BYTES), status_code=status, media_type=JSON)
    headers = {"Content-Length": str(len(receipt))}
    half = _one(receipt[: len(receipt) // 2])
    return StreamingResponse(half, status_code=status, headers=headers, media_type=JSON)


def _receipt(taken: Taken, *, digest: str) -> bytes:
    return msgspec.json.encode(
        {
            "receipt_id": taken.receipt_id,
            "received_at": text_of(taken.received_at),
            "digest": digest,
        }
    )


def text_of(instant: datetime) -> str:
    """Return an instant in UTC as the contract writes it."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sent(body: bytes, *, status: int, knobs: Knobs) -> Response:
    if not knobs.slow_byte_ms:
        return Response(body, status_code=status, media_type=JSON)
    slow = _byte_by_byte(body, pause_s=knobs.slow_byte_ms / 1_000)
    return StreamingResponse(slow, status_code=status, media_type=JSON)


async def _byte_by_byte(body: bytes, *, pause_s: float) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])
        await asyncio.sleep(pause_s)


async def _one(part: bytes) -> AsyncIterator[bytes]:
    yield part
