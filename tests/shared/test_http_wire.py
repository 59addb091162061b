import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client import CollectorRegistry

from kuntavayla.http.serving import serve
from kuntavayla.settings import ServiceSettings
from tests.shared.http_example import ITEM, KEY, PREFIX, app_of
from tests.shared.test_auth_tokens import Issuer, header


@dataclass
class Wire:
    port: int
    client: httpx.AsyncClient
    registry: CollectorRegistry


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    settings = ServiceSettings(
        database_url="postgresql://localhost/none",
        token_issuer="https://issuer.example",
        token_audience="kuntavayla",
        token_jwks_url="https://issuer.example/jwks.json",
        listen_port=0,
    )
    registry = CollectorRegistry()
    loop = asyncio.get_running_loop()
    port: asyncio.Future[int] = loop.create_future()
    end = asyncio.Event()
    serving = loop.create_task(
        serve(app_of(Issuer(), registry), settings, on_listening=port.set_result, until=end)
    )
    address = f"http://127.0.0.1:{await port}"
    headers = {"Authorization": header(scope="items.read items.write")}

    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        yield Wire(await port, client, registry)

    end.set()
    await serving


async def test_a_refused_body_does_not_harm_the_next_call(wire: Wire) -> None:
    large = await wire.client.post(
        f"{PREFIX}/items", content=b"x" * 500_000, headers={"Content-Type": "application/json"}
    )
    good = await wire.client.post(f"{PREFIX}/items", json=ITEM, headers=KEY)

    assert (large.status_code, good.status_code) == (413, 201)


async def test_a_bomb_of_gzip_is_refused(wire: Wire) -> None:
    bomb = gzip.compress(b" " * 900_000)
    assert len(bomb) < 1_000

    answer = await wire.client.post(
        f"{PREFIX}/items:bulk",
        content=bomb,
        headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
    )

    assert answer.json()["code"] == "body_too_large"


async def test_a_caller_that_leaves_within_its_body_is_counted_and_harms_nobody(
    wire: Wire,
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    token = header(scope="items.write")
    head = (
        f"POST {PREFIX}/items HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
    )
    writer.write(head.encode())
    await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()

    labels = {"method": "POST", "route": f"{PREFIX}/items", "status": "499"}
    async with asyncio.timeout(30):
        while not wire.registry.get_sample_value("kuntavayla_http_requests_total", labels):
            await wire.client.get(f"{PREFIX}/livez")


async def test_many_callers_at_once_each_get_their_own_answer(wire: Wire) -> None:
    async def call(number: int) -> tuple[str, str]:
        answer = await wire.client.post(
            f"{PREFIX}/items", content=json.dumps(ITEM), headers=headers_of(number)
        )
        return answer.json()["key"], answer.headers["x-request-id"]

    answers = await asyncio.gather(*(call(number) for number in range(200)))

    assert answers == [(f"key-{number}", request_id_of(number)) for number in range(200)]


def request_id_of(number: int) -> str:
    return f"0177ec61-3ab8-726b-b2a7-{number:012}"


def headers_of(number: int) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": f"key-{number}",
        "X-Request-Id": request_id_of(number),
    }
