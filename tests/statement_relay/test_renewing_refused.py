"""A certificate file that is no good holds up its own receiver alone."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from kuntavayla.testing import TestDatabase
from statement_relay.rules.endpoints import (
    Endpoint,
    Endpoints,
)
from statement_relay.workers.renewing import Renewing
from tests.statement_relay.certificates import (
    Authority,
)
from tests.statement_relay.deliveries import OTHER_RECEIVER, RECEIVER, Post, put_ids
from tests.statement_relay.items import another_item, responsible
from tests.statement_relay.misbehaving import Server, receiving, running
from tests.statement_relay.service import running_relay
from tests.statement_relay.test_renewing import OwnFiles, asking, with_mtls

UNUSABLE = "kuntavayla_relay_receiver_unusable"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def own(tmp_path: Path) -> OwnFiles:
    return OwnFiles(tmp_path)


async def test_a_receiver_whose_certificate_is_no_good_holds_up_no_other_and_is_not_called(
    post: Post, receiver: Server, authority: Authority, *, own: OwnFiles
) -> None:
    own.put(authority.issue("kuntavayla"))
    own.certificate_file.write_text("half a certificate", encoding="utf-8")
    async with running(receiving, tls=asking(authority)) as secured:
        post.endpoints[OTHER_RECEIVER] = with_mtls(secured, authority, own)
        held = await post.enqueue(receiver_id=OTHER_RECEIVER)
        async with post.courier() as courier:
            courier.prepare()
            sent = await post.enqueue()
            await post.until_settled([sent])
            unusable = courier.unusable()
            state, calls = await post.state_of(held), await post.outcomes_of(held)
            own.put(authority.issue("renewed"))
            await courier.renew(Endpoints(None, post.endpoints))
            await post.until_settled([held])

    assert unusable == {OTHER_RECEIVER}
    assert (state, calls) == (("waiting", None), [])
    assert put_ids(receiver) == [sent.information_id]
    assert put_ids(secured) == [held.information_id]
    assert await post.outcomes_of(held) == ["delivered"]
    assert courier.unusable() == set()


async def test_a_service_starts_though_a_receivers_certificate_is_no_good(
    relay_database: TestDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "receivers.toml"
    own = 'certificate_file = "/nowhere/own.pem", key_file = "/nowhere/own-key.pem"'
    file.write_text(
        f'[receivers.{RECEIVER}]\nurl = "https://te.example"\nmtls = {{ {own} }}\n', "utf-8"
    )

    async with running_relay(relay_database, receivers_file=str(file)) as relay:
        await relay.learn(responsible())
        taken = await relay.case_system().send(another_item())

    assert taken.status_code == 201


async def test_a_look_tells_whose_certificate_is_no_good_until_it_is(
    post: Post, authority: Authority, own: OwnFiles
) -> None:
    registry, told = CollectorRegistry(), []
    own.put(authority.issue("kuntavayla"))
    endpoint = Endpoint(url="https://te.example", mtls=own.mtls)
    async with post.courier() as courier:
        renewing = Renewing(
            courier, lambda: Endpoints(None, {RECEIVER: endpoint}), registry=registry
        )
        for put in (own.put, own.put_certificate, own.put):
            put(authority.issue("renewed"))
            await renewing.look()
            told.append(registry.get_sample_value(UNUSABLE, {"receiver": RECEIVER}))

    assert told == [None, 1, None]
