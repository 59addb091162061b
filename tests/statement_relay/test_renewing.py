import asyncio
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from statement_relay.clients.adapters import Adapters
from statement_relay.rules.answers import Answer
from statement_relay.rules.endpoints import (
    Endpoint,
    Endpoints,
    EndpointsInvalid,
    OwnCertificate,
    parse_endpoints,
)
from statement_relay.workers.renewing import Renewing
from tests.statement_relay.certificates import (
    DAY,
    Authority,
    Pair,
    server_context,
    tomorrow,
)
from tests.statement_relay.deliveries import OTHER_RECEIVER, QUICK, RECEIVER, Post, put_ids
from tests.statement_relay.misbehaving import Server, receiving, running
from tests.statement_relay.test_adapters import ENOUGH_S, NOW, PARCEL, adapter_of

YESTERDAY = tomorrow() - 2 * DAY
ENDS = "kuntavayla_relay_certificate_end_timestamp_seconds"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def foreign(tmp_path: Path) -> Authority:
    folder = tmp_path / "foreign"
    folder.mkdir()
    return Authority(folder)


class OwnFiles:
    """The files of our own certificate, as the operator puts them in place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate_file = folder / "own.pem"
        self.key_file = folder / "own-key.pem"

    @property
    def mtls(self) -> OwnCertificate:
        return OwnCertificate(
            certificate_file=str(self.certificate_file), key_file=str(self.key_file)
        )

    def put(self, pair: Pair) -> None:
        self.put_certificate(pair)
        self._put(pair.key_file, self.key_file)

    def put_certificate(self, pair: Pair) -> None:
        self._put(pair.certificate_file, self.certificate_file)

    def _put(self, source: str, target: Path) -> None:
        draft = target.with_suffix(".draft")
        shutil.copy(source, draft)
        draft.replace(target)


@pytest.fixture
def own(tmp_path: Path) -> OwnFiles:
    return OwnFiles(tmp_path)


@asynccontextmanager
async def adapters_of(**endpoints: Endpoint) -> AsyncIterator[Adapters]:
    adapters = Adapters(Endpoints(None, endpoints), clock=lambda: NOW)
    adapters.prepare()
    try:
        yield adapters
    finally:
        await adapters.close()


async def put(adapters: Adapters, receiver_id: str = "te") -> Answer:
    adapter = adapters.find(receiver_id)
    assert adapter is not None
    return await adapter.put(PARCEL, timeout_s=ENOUGH_S)


def with_mtls(server: Server, authority: Authority, own: OwnFiles) -> Endpoint:
    return Endpoint(url=server.url, authorities_file=authority.certificate_file, mtls=own.mtls)


def asking(authority: Authority) -> ssl.SSLContext:
    """Return a server's context that takes only clients of the authority."""
    return server_context(authority.issue("localhost"), clients_of=authority.certificate_file)


async def test_an_own_certificate_that_is_replaced_is_shown_from_the_next_look_on(
    authority: Authority, foreign: Authority, own: OwnFiles
) -> None:
    own.put(foreign.issue("kuntavayla"))
    async with running(receiving, tls=asking(authority)) as server:
        endpoint = with_mtls(server, authority, own)
        async with adapters_of(te=endpoint) as adapters:
            before = await put(adapters)
            own.put(authority.issue("kuntavayla"))
            await adapters.renew(Endpoints(None, {"te": endpoint}))
            after = await put(adapters)

    assert (before.failure, after.failure) == ("connection_lost", None)
    assert after.receipt is not None


async def test_half_a_replacement_leaves_its_receiver_as_it_was_and_the_whole_one_is_taken(
    authority: Authority, own: OwnFiles
) -> None:
    renewed = authority.issue("renewed")
    own.put(authority.issue("kuntavayla"))
    async with running(receiving, tls=asking(authority)) as server:
        endpoints = Endpoints(None, {"te": with_mtls(server, authority, own)})
        async with adapters_of(te=with_mtls(server, authority, own)) as adapters:
            made = adapters.find("te")
            own.put_certificate(renewed)
            await adapters.renew(endpoints)
            halved = adapters.unusable(["te"])
            between = (adapters.find("te") is made, await put(adapters))
            own.put(renewed)
            await adapters.renew(endpoints)
            whole = adapters.unusable(["te"])
            after = (adapters.find("te") is made, await put(adapters))

    assert (halved, whole) == ({"te"}, set())
    assert (between[0], after[0]) == (True, False)
    assert (between[1].status, after[1].status) == (201, 201)


async def test_what_has_not_changed_keeps_its_connections(
    authority: Authority, own: OwnFiles
) -> None:
    own.put(authority.issue("kuntavayla"))
    async with running(receiving, tls=asking(authority)) as server:
        endpoint = with_mtls(server, authority, own)
        async with adapters_of(te=endpoint) as adapters:
            made = adapters.find("te")
            await adapters.renew(Endpoints(None, {"te": endpoint}))

            assert adapters.find("te") is made


async def test_a_call_under_way_ends_over_the_connection_it_has(
    authority: Authority, own: OwnFiles
) -> None:
    heard, go_on = asyncio.Event(), asyncio.Event()

    async def behave(_: object, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await go_on.wait()
        await receiving(server.heard[-1], writer)

    own.put(authority.issue("kuntavayla"))
    async with running(behave, tls=asking(authority)) as server:
        endpoint = with_mtls(server, authority, own)
        async with adapters_of(te=endpoint) as adapters:
            call = asyncio.create_task(put(adapters))
            await heard.wait()
            own.put(authority.issue("renewed"))
            for _ in range(3):
                await adapters.renew(Endpoints(None, {"te": endpoint}))
            go_on.set()
            answered = await call

    assert answered.receipt is not None


async def test_a_receiver_that_left_the_file_is_nowhere_and_a_new_address_is_gone_to() -> None:
    async with (
        running(receiving) as old,
        running(receiving) as new,
        adapters_of(te=Endpoint(url=old.url), other=Endpoint(url=old.url)) as adapters,
    ):
        await adapters.renew(Endpoints(None, {"te": Endpoint(url=new.url)}))
        answered = await put(adapters)

        assert adapters.find("other") is None
        assert (answered.status, len(old.heard), len(new.heard)) == (201, 0, 1)


async def test_a_default_that_cannot_be_used_is_found_before_anybody_needs_it(
    own: OwnFiles,
) -> None:
    default = Endpoint(url="https://te.example", mtls=own.mtls)

    async with running(receiving) as server, adapters_of() as adapters:
        await adapters.renew(Endpoints(default, {"te": Endpoint(url=server.url)}))
        answered = await put(adapters)

        assert adapters.unusable(["te", "te-lappi"]) == {"te-lappi"}
        assert adapters.find("te-lappi") is None
        assert answered.receipt is not None


async def test_a_file_that_goes_away_later_leaves_its_receiver_without_an_adapter(
    authority: Authority, own: OwnFiles
) -> None:
    own.put(authority.issue("kuntavayla"))
    default = Endpoint(url="https://te.example", mtls=own.mtls)
    adapters = Adapters(Endpoints(default, {}), clock=lambda: NOW)
    adapters.prepare()
    own.key_file.unlink()

    assert adapters.find("te-lappi") is None


async def test_our_own_certificate_that_has_ended_is_told_whatever_the_receiver_does(
    authority: Authority, own: OwnFiles
) -> None:
    own.put(authority.issue("kuntavayla", ends_at=YESTERDAY))
    async with (
        running(receiving, tls=asking(authority)) as server,
        adapters_of(te=with_mtls(server, authority, own)) as adapters,
    ):
        answered = await put(adapters)

    assert (answered, server.heard) == (Answer(failure="tls_failed"), [])


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(ssl.TLSVersion.TLSv1_2, id="in the handshake"),
        pytest.param(ssl.TLSVersion.TLSv1_3, id="after the handshake"),
    ],
)
async def test_a_receiver_that_says_why_it_takes_no_certificate_of_ours_is_understood(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    context = asking(authority)
    context.maximum_version = version
    with talkative(context) as server:
        refusing = asyncio.create_task(asyncio.to_thread(server.refuse))
        async with adapter_of(server.url, authorities_file=authority.certificate_file) as adapter:
            answered = await adapter.put(PARCEL, timeout_s=ENOUGH_S)
        await refusing

    assert answered == Answer(failure="tls_failed")


class Talkative:
    """A server that ends a handshake that fails by the alert of TLS, as OpenSSL's servers do."""

    def __init__(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        self._listening = listening
        self._context = context
        self.url = f"https://localhost:{listening.getsockname()[1]}"

    def refuse(self) -> None:
        """Refuse one; what it sent meanwhile is read, since closing over it would reset."""
        accepted, _ = self._listening.accept()
        secured = self._context.wrap_socket(
            accepted, server_side=True, do_handshake_on_connect=False
        )
        with pytest.raises(ssl.SSLError):
            secured.do_handshake()
        with socket.socket(fileno=secured.detach()) as bare:
            bare.shutdown(socket.SHUT_WR)
            while bare.recv(4_096):
                continue


@contextmanager
def talkative(context: ssl.SSLContext) -> Iterator[Talkative]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(ENOUGH_S)
        yield Talkative(listening, context)


async def test_what_a_receiver_with_an_ended_certificate_missed_comes_in_order_once_it_is_renewed(
    post: Post, receiver: Server, authority: Authority
) -> None:
    tls = server_context(authority.issue("localhost", ends_at=YESTERDAY))
    async with running(receiving, tls=tls) as secured:
        post.endpoints[OTHER_RECEIVER] = Endpoint(
            url=secured.url, authorities_file=authority.certificate_file
        )
        item = await post.enqueue(receiver_id=OTHER_RECEIVER)
        behind = await post.enqueue(receiver_id=OTHER_RECEIVER, client_id=item.client_id)
        neighbour = await post.enqueue(receiver_id=RECEIVER)
        async with post.courier():
            await post.until_settled([neighbour])
            await post.until_attempted(item, times=QUICK.breaker.failures_max + 1)
            missed = put_ids(secured)
            renewed = authority.issue("localhost")
            tls.load_cert_chain(renewed.certificate_file, renewed.key_file)
            await post.until_settled([item, behind])

    outcomes = await post.outcomes_of(item)
    assert (missed, put_ids(receiver)) == ([], [neighbour.information_id])
    assert (set(outcomes[:-1]), outcomes[-1]) == ({"tls_failed"}, "delivered")
    assert put_ids(secured) == [item.information_id, behind.information_id]
    assert {heard.body for heard in secured.heard} == {item.body, behind.body}


async def test_a_courier_that_runs_delivers_once_its_ended_certificate_is_renewed(
    post: Post, authority: Authority, own: OwnFiles
) -> None:
    own.put(authority.issue("kuntavayla", ends_at=YESTERDAY))
    async with running(receiving, tls=asking(authority)) as secured:
        post.endpoints[RECEIVER] = with_mtls(secured, authority, own)
        item = await post.enqueue()
        async with post.courier() as courier:
            await post.until_attempted(item)
            own.put(authority.issue("renewed"))
            await courier.renew(Endpoints(None, post.endpoints))
            await post.until_settled([item])

    outcomes = await post.outcomes_of(item)
    assert (set(outcomes[:-1]), outcomes[-1]) == ({"tls_failed"}, "delivered")
    assert put_ids(secured) == [item.information_id]


async def test_a_look_tells_when_certificates_end_and_a_broken_file_leaves_all_as_it_was(
    post: Post, authority: Authority, own: OwnFiles
) -> None:
    file, registry = own.folder / "receivers.toml", CollectorRegistry()
    own.put(authority.issue("kuntavayla"))

    def ends(whose: str) -> float | None:
        return registry.get_sample_value(ENDS, {"receiver": RECEIVER, "whose": whose})

    async with running(receiving, tls=asking(authority)) as secured, post.courier() as courier:
        renewing = Renewing(
            courier, lambda: parse_endpoints(file.read_text("utf-8")), registry=registry
        )
        file.write_text(text_of(with_mtls(secured, authority, own)), encoding="utf-8")
        await renewing.look()
        own_ends_at, known_before_a_call = ends("ours"), ends("theirs")
        first = await post.enqueue()
        await post.until_settled([first])
        file.write_text("[receivers", encoding="utf-8")
        with pytest.raises(EndpointsInvalid):
            await renewing.look()
        second = await post.enqueue()
        await post.until_settled([second])
    assert known_before_a_call is None
    assert own_ends_at == pytest.approx(tomorrow().timestamp(), abs=DAY.total_seconds())
    assert ends("ours") == own_ends_at
    assert ends("theirs") == pytest.approx(tomorrow().timestamp(), abs=DAY.total_seconds())
    assert put_ids(secured) == [first.information_id, second.information_id]


def text_of(endpoint: Endpoint) -> str:
    """Return a file of receivers with one of them."""
    own = endpoint.mtls
    assert own is not None
    return (
        f'[receivers.{RECEIVER}]\nurl = "{endpoint.url}"\n'
        f'authorities_file = "{endpoint.authorities_file}"\n'
        f'mtls = {{ certificate_file = "{own.certificate_file}", key_file = "{own.key_file}" }}\n'
    )
