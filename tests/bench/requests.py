"""Requests as bytes, made before the clock runs, and the load generator's runs over them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from kuntavayla_sandbox import routing_service
from tests.bench.children import run_job
from tests.bench.load_process import LoadJob, LoadReport


def request_of(
    path: str,
    body: bytes,
    *,
    authorization: str,
    headers: Sequence[str] = (),
    prefix: str = routing_service.PATH,
    media_type: str = "application/json",
) -> bytes:
    """Return one POST under a service's prefix as it goes over the wire."""
    head = [
        f"POST {prefix}{path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {authorization}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def run_load(
    requests: Sequence[bytes],
    folder: Path,
    *,
    ports: Sequence[int],
    connections: int,
    rate: float | None = None,
    counted: str | None = None,
) -> LoadReport:
    """Send the requests from a process of its own and return what came of them."""
    path = folder / "requests.msgpack"
    path.write_bytes(msgspec.msgpack.encode(requests))
    job = LoadJob(path=str(path), ports=ports, connections=connections, rate=rate, counted=counted)
    return await run_job("tests.bench.load_process", job, kind=LoadReport)
