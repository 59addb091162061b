import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.register import Organisation, OrganisationKind
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.backbone import BrokerRefuses, TopicsInUse, prepare_topics
from kuntavayla_sandbox.broker import Broker
from tests.sandbox.up_process import COMMAND, UpProcess, counted, is_alive, small_file, wait_for
from tests.topics import list_partitions

DEMO_S_MAX = 300


def organisations(name: str) -> list[Organisation]:
    kinds = {
        f"cs-{name}": OrganisationKind.CASE_SYSTEM,
        f"te-{name}": OrganisationKind.TE_OFFICE,
        f"ely-{name}": OrganisationKind.ELY,
    }
    return [Organisation(each, kind, each, each) for each, kind in kinds.items()]


async def test_topics_are_made_once_and_those_of_another_stack_are_not_taken(
    broker: Broker,
) -> None:
    connection, three = KafkaConnection(bootstrap=broker.bootstrap), organisations("backbone")

    await prepare_topics(connection, three, is_new=False)
    await prepare_topics(connection, three, is_new=False)

    made = {
        name: count for name, count in (await list_partitions(broker)).items() if "backbone" in name
    }
    assert made == {
        f"kv.{service}.{name}.v1": 6
        for service in ("routing-api", "statement-relay")
        for name in ("cs-backbone", "te-backbone", "in.cs-backbone")
    } | {f"kv.quota-ledger.{name}.v1": 6 for name in ("cs-backbone", "te-backbone", "ely-backbone")}
    with pytest.raises(TopicsInUse, match="of another stack"):
        await prepare_topics(connection, three, is_new=True)


async def test_a_broker_that_cannot_be_reached_is_told_in_a_sentence() -> None:
    nobody = KafkaConnection(bootstrap="127.0.0.1:9")

    with pytest.raises(BrokerRefuses, match="Kafka cannot be used"):
        await prepare_topics(nobody, organisations("nobody"), is_new=True)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[UpProcess]:
    assert broker.pid is not None, "a broker can run here"
    directory: Path = tmp_path_factory.mktemp("up-kafka")
    process = UpProcess(directory, "--transport", "kafka")
    try:
        process.start()
        yield process
    finally:
        process.end(signal.SIGTERM)
        shutil.rmtree(EmbeddedServer(directory).data, ignore_errors=True)


@pytest.mark.journey
def test_the_stack_runs_over_kafka_is_killed_and_goes_on(up: UpProcess, tmp_path: Path) -> None:
    half = len(small_file()) // 2
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    first.write_bytes(b"".join(line + b"\n" for line in small_file()[:half]))
    second.write_bytes(b"".join(line + b"\n" for line in small_file()))
    before = up.stack()
    assert (before["transport"], set(before["kafka"])) == ("kafka", {"bootstrap"})

    assert up.run("send", str(first), "--as", "te-national").returncode == 0
    up.end(signal.SIGKILL)
    up.start()
    assert [pid for pid in before["pids"].values() if is_alive(pid)] == []
    sent = up.run("send", str(second), "--as", "te-national")

    assert counted(sent.stdout, "replayed") == half
    wait_for(lambda: up.stages()["acknowledged"] == len(small_file()))
    assert up.stages()["transferred"] == len(small_file())


@pytest.mark.journey
def test_the_demo_over_a_given_broker_puts_every_client_where_the_law_puts_it(
    broker: Broker, tmp_path: Path
) -> None:
    assert broker.pid is not None, "a broker can run here"
    directory = tmp_path / "demo"
    try:
        with Broker(tmp_path / "given") as given:
            sizes = ("--items", "200", "--decisions", "60")
            options = ("--transport", "kafka", "--kafka", given.bootstrap, *sizes)
            demo = subprocess.run(  # noqa: S603 - our own command
                [*COMMAND, "demo", *options, "--registrations", "500", "--state", str(directory)],
                capture_output=True,
                text=True,
                timeout=DEMO_S_MAX,
                check=False,
            )
    finally:
        shutil.rmtree(EmbeddedServer(directory).data, ignore_errors=True)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "exactly once" in demo.stdout
    assert "nothing out of order" in demo.stdout
    assert "Exact to the cent" in demo.stdout
    for told in ("before_pilot", "parked, behind it: queued", "By event: overdue", "not_relayed"):
        assert told in " ".join(demo.stdout.split()), told
