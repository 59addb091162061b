import asyncio
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kuntavayla_sandbox.broker import Broker, Listener
from tests.builders import another_person
from tests.releases import RELEASES, ROOT
from tests.rights import Cluster
from tests.routing_api.service import Routing
from tests.shared.published import Record, Topics
from tests.topics import forget_topics, list_partitions

SAMPLES = ROOT / "docs" / "samples"
CASE_SYSTEM = "cs-sotkamo"
BUILD_S_MAX = 600
RUN_S_MAX = 120
GOALS = ("compile", "dependency:copy-dependencies", "-DoutputDirectory=target/libs")


async def printed_by(*command: str, cwd: Path, **environment: str) -> str:
    """Run a sample to its end, that must be a good one, and return what it printed."""
    code, printed, told = await ended(*command, cwd=cwd, **environment)
    assert code == 0, printed + told
    return printed


async def ended(*command: str, cwd: Path, **environment: str) -> tuple[int | None, str, str]:
    """Run a sample to its end; return its code, what it printed, and what it said of faults."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_S_MAX):
            printed, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, printed.decode(), told.decode()


@pytest.fixture(scope="session")
def python_sample() -> Sequence[str]:
    return sys.executable, str(SAMPLES / "kafka_consumer.py")


@pytest.fixture(scope="session")
def java_sample(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    for tool in ("javac", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"NOT POSSIBLE HERE, the Java sample is not run: no `{tool}` is installed")
    folder = tmp_path_factory.mktemp("java") / "kafka-java"
    shutil.copytree(SAMPLES / "kafka-java", folder, ignore=shutil.ignore_patterns("target"))
    command = ["mvn", "--quiet", "--batch-mode", *GOALS]
    built = subprocess.run(  # noqa: S603 - constants
        command, cwd=folder, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    places = f"{folder}/target/classes:{folder}/target/libs/*"
    java = shutil.which("java")
    assert java is not None
    return java, "-cp", places, "KafkaSample"


@pytest.fixture(scope="session")
async def password(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the case system its user and its rights as in production; return its password."""
    cluster = Cluster(broker, tmp_path_factory.mktemp("rights"))
    await asyncio.to_thread(cluster.run, "--only", CASE_SYSTEM)
    services = tuple(f"kv.{release.name}." for release in RELEASES)
    made = [name for name in await list_partitions(broker) if name.startswith(services)]
    await forget_topics(broker, made)
    return (cluster.passwords / CASE_SYSTEM).read_text()


def by_sasl(broker: Broker, password: str) -> dict[str, str]:
    """Return the environment of a sample that logs in as the case system, over TLS."""
    return {
        "KAFKA_BOOTSTRAP": broker.address(Listener.SASL_TLS),
        "KAFKA_SECURITY": "SASL_SSL",
        "KAFKA_PASSWORD": password,
        "KAFKA_CA_FILE": str(broker.tls_files.authority),
    }


@pytest.fixture(params=["python", "java"])
def sample(request: pytest.FixtureRequest) -> Sequence[str]:
    """Give the command of each sample, ready before the service runs."""
    command: Sequence[str] = request.getfixturevalue(f"{request.param}_sample")
    return command


@pytest.mark.journey
async def test_a_sample_takes_clients_over_by_topic_alone_and_goes_on_where_it_was(  # noqa: PLR0917 - fixtures
    sample: Sequence[str],
    broker: Broker,
    password: str,
    topics: Topics,
    routing: Routing,
    tmp_path: Path,
) -> None:
    settings = by_sasl(broker, password)

    async def run(events: int) -> list[str]:
        command = [*sample, CASE_SYSTEM, str(events)]
        printed = await printed_by(*command, cwd=tmp_path, **settings)
        return printed.splitlines()

    first = [await new_client(routing) for _ in range(3)]
    taken = await run(3)
    last = await new_client(routing)
    then = await run(1)

    kind = "fi.kuntavayla.client.transferred.v1"
    assert sorted(taken) == sorted(f"{kind} {client}" for client in first)
    assert then == [f"{kind} {last}"]
    told = await topics.until("te-kainuu", satisfied=lambda records: len(records) == 4)
    assert keys(told) == sorted([*first, last])
    assert {record.headers["ce_type"] for record in told} == {
        "fi.kuntavayla.transfer.acknowledged.v1"
    }


@pytest.mark.journey
async def test_a_sample_stops_where_the_epoch_rises_and_goes_on_when_it_is_told_the_new_one(  # noqa: PLR0917 - fixtures
    sample: Sequence[str],
    broker: Broker,
    password: str,
    topics: Topics,
    routing: Routing,
    tmp_path: Path,
) -> None:
    settings = by_sasl(broker, password)
    before = await new_client(routing)
    first = await printed_by(*sample, CASE_SYSTEM, "1", cwd=tmp_path, **settings)
    await routing.fetch("UPDATE outbox_head SET epoch = 2 RETURNING pg_notify('outbox', '*')")
    after = await new_client(routing)
    await topics.until(CASE_SYSTEM, satisfied=lambda records: len(records) == 2)

    stopped = [await ended(*sample, CASE_SYSTEM, "1", cwd=tmp_path, **settings) for _ in range(2)]
    resynced = settings | {"KAFKA_EPOCH": "000002"}
    then = await printed_by(*sample, CASE_SYSTEM, "1", cwd=tmp_path, **resynced)

    kind = "fi.kuntavayla.client.transferred.v1"
    assert first == f"{kind} {before}\n"
    assert [(code, printed) for code, printed, _ in stopped] == [(1, ""), (1, "")]
    assert all("resync: the epoch is now 000002" in told for *_, told in stopped)
    assert then == f"{kind} {after}\n"
    told = await topics.until("te-kainuu", satisfied=lambda records: len(records) == 2)
    assert keys(told) == sorted([before, after])


async def new_client(routing: Routing) -> str:
    """Register a person of Sotkamo and return the client."""
    client_id: str = (await routing.office().registered(another_person()))["client_id"]
    return client_id


def keys(records: Sequence[Record]) -> list[str]:
    return sorted(record.key.decode() for record in records)
