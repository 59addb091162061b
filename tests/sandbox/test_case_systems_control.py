from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx
import pytest
from starlette.applications import Starlette

from kuntavayla.database import Pool
from kuntavayla_sandbox.case_systems.control import create_app
from kuntavayla_sandbox.case_systems.fleet import Fleet


@asynccontextmanager
async def idle(_: Starlette) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 404),
        ("?case_system=cs-nowhere", 404),
        ("?case_system=cs-nowhere&after=12", 400),
        ("?case_system=cs-nowhere&limit=0", 400),
        ("?case_system=cs-nowhere&limit=1001", 400),
        ("?case_system=cs-nowhere&limit=all", 400),
    ],
)
async def test_questions_about_nobody_or_without_bounds_are_refused(
    query: str, status: int
) -> None:
    async with of_nobody() as client:
        clients = await client.get(f"/clients{query}")
        information = await client.get(f"/information{query.replace('after=12', 'after=x')}")

    assert (clients.status_code, information.status_code) == (status, status)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"starts_on":"yesterday","items":1,"seed":1}',
        '{"starts_on":"2021-03-01","items":-1,"seed":1}',
        '{"starts_on":"2021-03-01","items":1000001,"seed":1}',
        '{"starts_on":"2021-03-01","items":"many","seed":1}',
    ],
)
async def test_a_week_that_cannot_be_read_is_refused(body: str) -> None:
    async with of_nobody() as client:
        answer = await client.post("/weeks", content=body)

    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("?case_system=cs-nowhere", "[]", 404),
        ("", "[]", 404),
        ("?case_system=cs-nowhere", "", 422),
        ("?case_system=cs-nowhere", '[{"municipal_id":"X-1"}]', 422),
    ],
)
async def test_things_to_tell_for_nobody_or_that_are_none_are_refused(
    query: str, body: str, status: int
) -> None:
    async with of_nobody() as client:
        answer = await client.post(f"/entries{query}", content=body)

    assert answer.status_code == status


@asynccontextmanager
async def of_nobody() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Fleet(cast("Pool", None), []), lifespan=idle)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://case-systems.test"
    ) as client:
        yield client
