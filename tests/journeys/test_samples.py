import asyncio
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kuntavayla_sandbox.broker import Broker, Listener
from tests.builders import another_person
from tests.conftest import BROKER_USERS
from tests.routing_api.service import Routing
from tests.shared.published import Record, Topics
from tests.snapshots import ROOT

SAMPLES = ROOT / "docs" / "samples"
CASE_SYSTEM = "cs-sotkamo"
BUILD_S_MAX = 600
RUN_S_MAX = 120
GOALS = ("compile", "dependency:copy-dependencies", "-DoutputDirectory=target/libs")


async def finished(*command: str, cwd: Path, within_s: float, **environment: str) -> str:
    """Run a program to its end, that must be a good one, and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment} if environment else None,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            printed, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (printed + told).decode()
    return printed.decode()


@pytest.fixture(scope="session")
def python_sample() -> Sequence[str]:
    return sys.executable, str(SAMPLES / "kafka_consumer.py")


@pytest.fixture(scope="session")
async def java_sample(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    for tool in ("javac", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"NOT POSSIBLE HERE, the Java sample is not run: no `{tool}` is installed")
    folder = tmp_path_factory.mktemp("java") / "kafka-java"
    shutil.copytree(SAMPLES / "kafka-java", folder, ignore=shutil.ignore_patterns("target"))
    await finished("mvn", "--quiet", "--batch-mode", *GOALS, cwd=folder, within_s=BUILD_S_MAX)
    places = f"{folder}/target/classes:{folder}/target/libs/*"
    java = shutil.which("java")
    assert java is not None
    return java, "-cp", places, "KafkaSample"


def by_sasl(broker: Broker, listener: Listener) -> dict[str, str]:
    """Return the environment of a sample that logs in as the case system."""
    files = broker.tls_files
    return {
        "KAFKA_BOOTSTRAP": broker.address(listener),
        "KAFKA_SECURITY": str(listener),
        "KAFKA_PASSWORD": BROKER_USERS[CASE_SYSTEM],
        **({"KAFKA_CA_FILE": str(files.authority)} if listener is Listener.SASL_TLS else {}),
    }


@pytest.mark.journey
@pytest.mark.parametrize("language", ["python", "java"])
@pytest.mark.parametrize("listener", [Listener.SASL_TLS, Listener.SASL_PLAINTEXT])
async def test_a_sample_takes_clients_over_by_topic_alone_and_goes_on_where_it_was(  # noqa: PLR0913, PLR0917 - fixtures
    broker: Broker,
    topics: Topics,
    routing: Routing,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    *,
    language: str,
    listener: Listener,
) -> None:
    sample: Sequence[str] = request.getfixturevalue(f"{language}_sample")
    settings = by_sasl(broker, listener)

    async def run(events: int) -> list[str]:
        command = [*sample, CASE_SYSTEM, str(events)]
        printed = await finished(*command, cwd=tmp_path, within_s=RUN_S_MAX, **settings)
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


async def new_client(routing: Routing) -> str:
    """Register a person of Sotkamo and return the client."""
    client_id: str = (await routing.office().registered(another_person()))["client_id"]
    return client_id


def keys(records: Sequence[Record]) -> list[str]:
    return sorted(record.key.decode() for record in records)
