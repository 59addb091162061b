import base64
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from kuntavayla_sandbox.certificates import Authority, Pair, Trust, make_trust
from kuntavayla_sandbox.conformance.samples import Document, bytes_of, digest_of
from kuntavayla_sandbox.relay_service import SecuredSimulator, write_receivers
from kuntavayla_sandbox.te_office.starting import X_ROAD_CLIENT, X_ROAD_SERVICES
from statement_relay.clients.adapters import Adapters
from statement_relay.clients.parcels import Parcel
from statement_relay.rules.answers import Answer
from statement_relay.rules.endpoints import parse_endpoints
from tests.sandbox.te_office_bench import (
    BY_CERTIFICATE,
    BY_X_ROAD,
    RECEIVER,
    Bench,
    running_bench,
    te_office_database,
)

[SERVICE] = X_ROAD_SERVICES
SHA_512_BYTES = 64
NAMED = {"X-Road-Client": X_ROAD_CLIENT, "X-Road-Id": "7c3f6d1e-58ac-4f83-9a53-0d8bcb5d6e11"}


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - TLS knows no other clock


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return make_trust(tmp_path_factory.mktemp("tls"), now=now())


@pytest.fixture(scope="module")
async def bench(server_url: str, trust: Trust) -> AsyncIterator[Bench]:
    async with (
        te_office_database(server_url) as url,
        running_bench(url, trust=trust) as bench,
    ):
        yield bench


@pytest.fixture
async def known(trust: Trust) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the certificate of the stack's relay."""
    async with client_with(trust, trust.client) as client:
        yield client


def client_with(trust: Trust, pair: Pair | None) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=trust.authorities_file)
    if pair is not None:
        context.load_cert_chain(pair.certificate_file, pair.key_file)
    return httpx.AsyncClient(verify=context, timeout=30)


async def put(
    client: httpx.AsyncClient, before: str, item: Document, **headers: str
) -> httpx.Response:
    body = bytes_of(item)
    told = {
        "Content-Type": "application/json",
        "Content-Digest": digest_of(body),
        "Idempotency-Key": f'"{item["information_id"]}"',
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    path = f"{before}/statement-information/{item['information_id']}"
    return await client.put(path, content=body, headers=told)


async def test_a_certificate_is_enough_where_one_is_asked_for(
    bench: Bench, known: httpx.AsyncClient
) -> None:
    item = bench.samples.new()

    answer = await put(known, f"{bench.secured_url}/{BY_CERTIFICATE}", item)

    assert answer.status_code == 201, answer.text
    [held] = await bench.held(BY_CERTIFICATE)
    assert held["information_id"] == item["information_id"]


Shown = Callable[[Trust, Path], Pair | None]


def nothing(_: Trust, __: Path) -> None:
    return None


def foreign(_: Trust, folder: Path) -> Pair:
    return Authority(folder, now=now()).issue_client("statement-relay")


def servers(trust: Trust, _: Path) -> Pair:
    return trust.server


@pytest.mark.parametrize("shown", [nothing, foreign, servers], ids=lambda shown: shown.__name__)
async def test_without_a_certificate_of_the_stacks_own_nobody_comes_in(
    bench: Bench, trust: Trust, tmp_path: Path, *, shown: Shown
) -> None:
    async with client_with(trust, shown(trust, tmp_path)) as client:
        with pytest.raises(httpx.TransportError):
            await put(client, f"{bench.secured_url}/{BY_CERTIFICATE}", bench.samples.new())


@pytest.fixture
def ended(tmp_path: Path) -> Trust:
    """Two authorities that are trusted; our certificate is of the one, and has ended."""
    standing = Authority(tmp_path / "standing", now=now())
    late = Authority(tmp_path / "late", now=now(), lifetime=-timedelta(seconds=1))
    files = (standing.authorities_file, late.authorities_file)
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(Path(file).read_bytes() for file in files))
    return Trust(
        authorities_file=str(both),
        server=standing.issue_server("te-offices"),
        client=late.issue_client("statement-relay"),
    )


async def test_with_a_certificate_that_has_ended_nobody_comes_in(
    server_url: str, ended: Trust
) -> None:
    async with (
        te_office_database(server_url) as url,
        running_bench(url, trust=ended) as bench,
        client_with(ended, ended.client) as client,
    ):
        with pytest.raises(httpx.TransportError):
            await put(client, f"{bench.secured_url}/{BY_CERTIFICATE}", bench.samples.new())


async def test_each_receiver_has_one_door(bench: Bench, known: httpx.AsyncClient) -> None:
    item = bench.samples.new()

    plain = await bench.put(item, receiver_id=BY_CERTIFICATE)
    secured = await put(known, f"{bench.secured_url}/{RECEIVER}", item)
    around_the_bus = await put(known, f"{bench.secured_url}/{BY_X_ROAD}", item)

    answers = (plain, secured, around_the_bus)
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (403, "other_door")
    }


async def test_over_x_road_an_item_is_carried_with_its_proof(
    bench: Bench, known: httpx.AsyncClient
) -> None:
    item = bench.samples.new()

    answer = await put(known, f"{bench.secured_url}/r1/{SERVICE}", item, **NAMED)

    assert answer.status_code == 201, answer.text
    assert len(base64.b64decode(answer.headers["X-Road-Request-Hash"])) == SHA_512_BYTES
    assert answer.headers["X-Road-Id"] == NAMED["X-Road-Id"]
    assert answer.headers["X-Road-Service"] == SERVICE.removesuffix("/v1")
    assert "X-Road-Error" not in answer.headers
    assert item["information_id"] in {
        each["information_id"] for each in await bench.held(BY_X_ROAD)
    }


async def test_an_error_of_the_receiver_is_carried_as_it_is(
    bench: Bench, known: httpx.AsyncClient
) -> None:
    item = bench.samples.new(kind="SEEN_ON_THE_MOON")

    answer = await put(known, f"{bench.secured_url}/r1/{SERVICE}", item, **NAMED)

    assert (answer.status_code, answer.json()["code"]) == (422, "kind_unknown")
    assert "X-Road-Error" not in answer.headers


PROVIDER, _, _ = SERVICE.rpartition("/information/")


@pytest.mark.parametrize(
    ("service", "headers", "status", "error"),
    [
        (SERVICE, {}, 400, "Client.BadRequest"),
        (SERVICE, {"X-Road-Client": "kuntavayla"}, 400, "Client.BadRequest"),
        ("FI-TEST/GOV", NAMED, 400, "Client.BadRequest"),
        (
            SERVICE,
            {"X-Road-Client": "FI-TEST/GOV/1/other"},
            500,
            "Server.ClientProxy.UnknownMember",
        ),
        ("FI-TEST/GOV/1/other/information", NAMED, 500, "Server.ClientProxy.UnknownMember"),
        (f"{PROVIDER}/pensions", NAMED, 500, "Server.ServerProxy.UnknownService"),
    ],
    ids=["no client", "no name", "no service", "other client", "other member", "other service"],
)
async def test_what_the_bus_cannot_carry_it_answers_itself(
    bench: Bench,
    known: httpx.AsyncClient,
    *,
    service: str,
    headers: dict[str, str],
    status: int,
    error: str,
) -> None:
    item = bench.samples.new()

    answer = await put(known, f"{bench.secured_url}/r1/{service}", item, **headers)

    assert (answer.status_code, answer.headers["X-Road-Error"]) == (status, error)
    assert answer.json()["type"] == error
    assert item["information_id"] not in {
        each["information_id"] for each in await bench.held(BY_X_ROAD)
    }


async def test_a_path_that_leads_to_no_service_is_answered_by_the_bus(
    bench: Bench, known: httpx.AsyncClient
) -> None:
    answer = await known.get(f"{bench.secured_url}/r1/{SERVICE}/listMethods", headers=NAMED)

    assert (answer.status_code, answer.headers["X-Road-Error"]) == (
        500,
        "Server.ServerProxy.UnknownService",
    )


async def test_knobs_turn_receivers_behind_every_door(
    bench: Bench, known: httpx.AsyncClient
) -> None:
    await bench.set_knobs(BY_X_ROAD, error_per_mille=1_000, error_status=500)
    await bench.set_knobs(BY_CERTIFICATE, is_away=True)
    try:
        faulty = await put(known, f"{bench.secured_url}/r1/{SERVICE}", bench.samples.new(), **NAMED)
        with pytest.raises(httpx.TransportError):
            await put(known, f"{bench.secured_url}/{BY_CERTIFICATE}", bench.samples.new())
    finally:
        await bench.set_knobs(BY_X_ROAD)
        await bench.set_knobs(BY_CERTIFICATE)

    assert (faulty.status_code, faulty.json()["code"]) == (500, "not_now")


async def test_the_relays_own_clients_come_in_through_every_door_of_the_stacks_file(
    bench: Bench, trust: Trust, tmp_path: Path
) -> None:
    file = tmp_path / "receivers.toml"
    write_receivers(
        file,
        simulator_url=bench.url,
        secured=SecuredSimulator(bench.secured_url, trust),
        own=bench.relay,
        given={},
    )
    adapters = Adapters(parse_endpoints(file.read_text("utf-8")), clock=now)
    adapters.prepare()

    answers = {
        receiver_id: await delivered(adapters, receiver_id, item=bench.samples.new())
        for receiver_id in (RECEIVER, BY_CERTIFICATE, BY_X_ROAD)
    }
    await adapters.close()

    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 201)
    assert all(answer.receipt is not None for answer in answers.values())
    assert [name for name, answer in answers.items() if answer.request_hash] == [BY_X_ROAD]


async def delivered(adapters: Adapters, receiver_id: str, *, item: Document) -> Answer:
    adapter, body = adapters.find(receiver_id), bytes_of(item)
    assert adapter is not None
    parcel = Parcel(
        information_id=item["information_id"],
        body=body,
        digest=digest_of(body),
        request_id=NAMED["X-Road-Id"],
        official_id="sotkamo:u-1042",
    )
    return await adapter.put(parcel, timeout_s=30)
