import asyncio
from pathlib import Path

import msgspec
import pytest

from kuntavayla.values.credentials import ClientCredentials
from statement_relay.clients.adapters import Adapters
from statement_relay.rules.answers import Answer
from statement_relay.rules.endpoints import (
    Endpoint,
    Endpoints,
    OwnCertificate,
)
from tests.statement_relay.certificates import DAY, Authority, server_context, tomorrow
from tests.statement_relay.misbehaving import (
    Behaviour,
    Heard,
    always,
    answer,
    never,
    receiving,
    running,
)
from tests.statement_relay.test_adapters import ENOUGH_S, NOW, PARCEL, SHORT_S, adapter_of

YESTERDAY = tomorrow() - 2 * DAY


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_a_receiver_with_a_valid_certificate_is_called(authority: Authority) -> None:
    tls = server_context(authority.issue("localhost"))
    trusted = authority.certificate_file
    async with (
        running(receiving, tls=tls) as server,
        adapter_of(server.url, authorities_file=trusted) as adapter,
    ):
        answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert answered.receipt is not None


async def test_a_receiver_whose_certificate_has_expired_is_sent_nothing(
    authority: Authority,
) -> None:
    tls = server_context(authority.issue("localhost", ends_at=YESTERDAY))
    trusted = authority.certificate_file
    async with (
        running(receiving, tls=tls) as server,
        adapter_of(server.url, authorities_file=trusted) as adapter,
    ):
        answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert (answered, server.heard) == (Answer(failure="tls_failed"), [])


async def test_a_certificate_of_another_host_or_of_nobody_known_is_sent_nothing(
    authority: Authority,
) -> None:
    trusted = authority.certificate_file
    other = server_context(authority.issue("te.example"))
    async with (
        running(receiving, tls=other) as server,
        adapter_of(server.url, authorities_file=trusted) as adapter,
    ):
        of_another_host = await adapter.put(PARCEL, timeout_s=ENOUGH_S)
    right = server_context(authority.issue("localhost"))
    async with running(receiving, tls=right) as unknown, adapter_of(unknown.url) as adapter:
        of_nobody_known = await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert of_another_host == of_nobody_known == Answer(failure="tls_failed")
    assert (server.heard, unknown.heard) == ([], [])


async def test_with_mutual_tls_we_show_our_certificate(authority: Authority) -> None:
    trusted, ours = authority.certificate_file, authority.issue("kuntavayla")
    tls = server_context(authority.issue("localhost"), clients_of=trusted)
    mtls = OwnCertificate(certificate_file=ours.certificate_file, key_file=ours.key_file)
    async with running(receiving, tls=tls) as server:
        async with adapter_of(server.url, authorities_file=trusted, mtls=mtls) as adapter:
            shown = await adapter.put(PARCEL, timeout_s=ENOUGH_S)
        async with adapter_of(server.url, authorities_file=trusted) as adapter:
            without = await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert shown.receipt is not None
    assert without.failure in {"connection_lost", "tls_failed"}


def test_a_certificate_that_can_not_be_read_is_found_at_start_and_its_receiver_told(
    tmp_path: Path,
) -> None:
    missing = OwnCertificate(
        certificate_file=str(tmp_path / "none.pem"), key_file=str(tmp_path / "none-key.pem")
    )
    endpoints = Endpoints(
        None,
        {
            "te-kainuu": Endpoint(url="https://te.example", mtls=missing),
            "te-lappi": Endpoint(url="https://te.example"),
        },
    )
    adapters = Adapters(endpoints, clock=lambda: NOW)

    adapters.prepare()

    assert adapters.unusable(["te-kainuu", "te-lappi"]) == {"te-kainuu"}
    assert adapters.find("te-kainuu") is None
    assert adapters.find("te-lappi") is not None


def credentials(url: str) -> ClientCredentials:
    return ClientCredentials(
        token_url=f"{url}/token", client_id="relay:1", client_secret="s%c/t", scope="information"
    )


def token_answer(token: str, *, expires_in: int = 3_600) -> bytes:
    content = {"access_token": token, "token_type": "Bearer", "expires_in": expires_in}
    return answer(200, msgspec.json.encode(content))


async def test_a_token_is_got_once_for_many_calls_and_shown_in_each() -> None:
    async with (
        running(always(token_answer("T-1"))) as issuer,
        running(receiving) as server,
        adapter_of(server.url, oauth2=credentials(issuer.url)) as adapter,
    ):
        await asyncio.gather(*(adapter.put(PARCEL, timeout_s=ENOUGH_S) for _ in range(20)))
        [asked] = issuer.heard

    assert {heard.headers["authorization"] for heard in server.heard} == {"Bearer T-1"}
    assert (asked.method, asked.path) == ("POST", "/token")
    assert asked.body == b"grant_type=client_credentials&scope=information"
    assert asked.headers["authorization"] == "Basic cmVsYXklM0ExOnMlMjVjJTJGdA=="


async def test_a_token_that_is_about_to_end_is_renewed() -> None:
    async with (
        running(always(token_answer("T-1", expires_in=20))) as issuer,
        running(receiving) as server,
        adapter_of(server.url, oauth2=credentials(issuer.url)) as adapter,
    ):
        for _ in range(2):
            await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert len(issuer.heard) == 2


async def test_a_token_that_the_receiver_refuses_is_replaced_within_the_call() -> None:
    async def issue(_: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(token_answer(f"T-{len(issuer.heard)}"))

    async def behave(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.headers["authorization"] == "Bearer T-1":
            writer.write(answer(401))
        else:
            await receiving(heard, writer)

    async with (
        running(issue) as issuer,
        running(behave) as server,
        adapter_of(server.url, oauth2=credentials(issuer.url)) as adapter,
    ):
        answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert answered.receipt is not None
    assert [heard.headers["authorization"] for heard in server.heard] == [
        "Bearer T-1",
        "Bearer T-2",
    ]


async def test_a_receiver_that_refuses_every_token_is_asked_twice_and_not_more() -> None:
    async with (
        running(always(token_answer("T-1"))) as issuer,
        running(always(answer(401))) as server,
        adapter_of(server.url, oauth2=credentials(issuer.url)) as adapter,
    ):
        answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)

    assert (answered.status, len(server.heard), len(issuer.heard)) == (401, 2, 2)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(always(answer(500)), id="fails"),
        pytest.param(always(answer(401, b'{"error":"invalid_client"}')), id="refuses us"),
        pytest.param(always(answer(200, b"<html>", media_type="text/html")), id="HTML"),
        pytest.param(always(answer(200, b'{"access_token":"a b"}')), id="no token"),
        pytest.param(
            always(answer(200, b'{"access_token":"T-1","token_type":"mac"}')), id="another type"
        ),
        pytest.param(always(answer(200, b" " * 10_485_760)), id="10 MiB"),
        pytest.param(always(answer(302, headers=["Location: /token"])), id="redirect"),
        pytest.param(never, id="never"),
    ],
)
async def test_without_a_token_nothing_is_sent(behaviour: Behaviour) -> None:
    async with (
        running(behaviour) as issuer,
        running(receiving) as server,
        adapter_of(server.url, oauth2=credentials(issuer.url)) as adapter,
    ):
        puts = [adapter.put(PARCEL, timeout_s=SHORT_S) for _ in range(3)]
        answers = await asyncio.gather(*puts)

    assert (answers, server.heard) == ([Answer(failure="token_unavailable")] * 3, [])
