import asyncio

import httpx
import msgspec
import pytest

from kuntavayla.auth import HttpTokenLine, TokenCache
from kuntavayla.values.credentials import ClientCredentials
from tests.statement_relay.misbehaving import Server, always, answer, never, running

ENOUGH_S, SHORT_S = 30.0, 0.2


def token_answer(token: str, **members: object) -> bytes:
    content = {"access_token": token, "token_type": "Bearer", "expires_in": 3_600} | members
    return answer(200, msgspec.json.encode(content))


def cache_of(client: httpx.AsyncClient, issuer: Server, *, now_s: list[float]) -> TokenCache:
    credentials = ClientCredentials(
        token_url=f"{issuer.url}/token", client_id="quota:1", client_secret="s%c/t"
    )
    return TokenCache(credentials, line=HttpTokenLine(client), clock=lambda: now_s[0])


async def test_a_token_is_got_once_for_many_and_renewed_before_it_ends() -> None:
    now_s = [0.0]
    async with running(always(token_answer("T-1"))) as issuer, httpx.AsyncClient() as client:
        tokens = cache_of(client, issuer, now_s=now_s)
        found = await asyncio.gather(*(tokens.find(timeout_s=ENOUGH_S) for _ in range(20)))
        now_s[0] = 3_569.0
        await tokens.find(timeout_s=ENOUGH_S)
        asked_before_its_end = len(issuer.heard)
        now_s[0] = 3_570.0
        await tokens.find(timeout_s=ENOUGH_S)
        await tokens.close()

    assert set(found) == {"T-1"}
    assert (asked_before_its_end, len(issuer.heard)) == (1, 2)
    assert issuer.heard[0].body == b"grant_type=client_credentials"
    assert issuer.heard[0].headers["authorization"] == "Basic cXVvdGElM0ExOnMlMjVjJTJGdA=="


@pytest.mark.parametrize(
    "said",
    [
        answer(401, b"{}"),
        answer(200, b"no json"),
        token_answer("T-1", token_type="mac"),
        token_answer("two words"),
        answer(200, b" " * 70_000),
    ],
    ids=["refused", "malformed", "another type", "no token", "too large"],
)
async def test_an_issuer_that_gives_no_token_gives_none(said: bytes) -> None:
    async with running(always(said)) as issuer, httpx.AsyncClient() as client:
        found = await cache_of(client, issuer, now_s=[0.0]).find(timeout_s=ENOUGH_S)

    assert found is None


async def test_an_issuer_that_says_nothing_is_waited_for_no_longer_than_told() -> None:
    async with running(never) as issuer, httpx.AsyncClient() as client:
        found = await cache_of(client, issuer, now_s=[0.0]).find(timeout_s=SHORT_S)

    assert found is None


async def test_an_issuer_that_is_away_gives_none() -> None:
    async with running(always(token_answer("T-1"))) as issuer:
        url = issuer.url
    async with httpx.AsyncClient() as client:
        credentials = ClientCredentials(token_url=f"{url}/t", client_id="q", client_secret="s")
        tokens = TokenCache(credentials, line=HttpTokenLine(client), clock=lambda: 0.0)
        found = await tokens.find(timeout_s=ENOUGH_S)

    assert found is None
