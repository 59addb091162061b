import asyncio
import os
import re
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiokafka
import pytest
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition

from kuntavayla.register import load_register
from kuntavayla.settings import KafkaConnection, KafkaSecurity
from kuntavayla_sandbox.broker import Broker, Listener, install

RIGHTS = Path(__file__).parents[2] / "deploy" / "kafka" / "rights.py"
TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
}
SOTKAMO, KAJAANI = "kv.routing-api.cs-sotkamo.v1", "kv.routing-api.cs-kajaani.v1"
IN_SOTKAMO, IN_KAJAANI = "kv.routing-api.in.cs-sotkamo.v1", "kv.routing-api.in.cs-kajaani.v1"

DEADLINE_S = 30


def printed(*arguments: str) -> str:
    """Return the lines that the script prints."""
    return rights(*arguments, succeeds=True).stdout


def rights(*arguments: str, succeeds: bool) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RIGHTS), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=succeeds)  # noqa: S603 - a constant


def test_everybody_of_the_register_has_a_topic_and_a_user_and_case_systems_an_inbound_topic() -> (
    None
):
    register = load_register()
    names = {each.organisation_id for each in register.organisations()}
    systems = {name for name in names if register.case_system(name) is not None}
    offices = {name for name in names if name.startswith("te-") and name != "te-national"}

    lines = printed().splitlines()

    topics = {line.split()[1] for line in lines if line.startswith("topic kv.")}
    assert topics == {
        "kv.routing-api.internal.v1",
        *(f"kv.routing-api.{name}.v1" for name in systems | offices),
        *(f"kv.routing-api.in.{name}.v1" for name in systems),
    }
    users = {line.split()[1] for line in lines if line.startswith("user ")}
    assert users == {"routing-api", *systems, *offices}


def test_nobody_but_the_service_is_let_near_a_topic_of_another() -> None:
    allowed = re.findall(r"^allow (\S+) (.*)$", printed(), flags=re.MULTILINE)

    foreign = [
        (user, topic)
        for user, line in allowed
        for topic in re.findall(r"--topic (\S+)", line)
        if user not in {"routing-api", topic.split(".")[-2]}
    ]

    assert allowed
    assert foreign == []


def test_on_a_day_only_those_who_act_are_there() -> None:
    pilots, reform = printed("--on", "2021-03-01"), printed("--on", "2025-01-01")

    assert "user te-kainuu\n" in pilots
    assert "user te-kainuu\n" not in reform
    assert reform.count("\nuser ") != pilots.count("\nuser ") > 40


@pytest.mark.parametrize("arguments", [["--only", "cs-nowhere"], ["--revoke", "cs; true"]])
def test_a_name_that_is_none_is_refused_and_nothing_is_printed(arguments: list[str]) -> None:
    answer = rights(*arguments, succeeds=False)

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert arguments[1] in answer.stderr


class Cluster:
    """A broker whose rights are made by running what the script prints, as an operator would."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self._broker = broker
        self._folder = folder
        self.passwords = folder / "passwords"
        for name, main_class in TOOLS.items():
            tool = folder / name
            options = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
            tool.write_text(
                f'#!/bin/sh\nexec java {options} -cp "{install()}/*" {main_class} "$@"\n'
            )
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        # The administrator logs in as anybody else does.
        (folder / "admin.properties").write_text(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
            "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="admin" password="{broker.plan.users["admin"]}";\n'
        )

    def run(self, *arguments: str) -> None:
        """Run the lines for these arguments."""
        environment = {
            "PATH": f"{self._folder}:{os.environ['PATH']}",  # noqa: TID251 - the tools' own place
            "BOOTSTRAP": self._broker.address(Listener.SASL_PLAINTEXT),
            "ADMIN": str(self._folder / "admin.properties"),
            "PASSWORDS": str(self.passwords),
        }
        lines = printed("--replication", "1", *arguments)
        done = subprocess.run(
            ["/bin/bash"], input=lines, capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def connection(self, user: str) -> KafkaConnection:
        """Return how a user logs in with the password that was made for it."""
        return KafkaConnection(
            bootstrap=self._broker.address(Listener.SASL_PLAINTEXT),
            security=KafkaSecurity.SASL_PLAINTEXT,
            username=user,
            password=(self.passwords / user).read_text(),
        )

    async def write(self, user: str, topic: str) -> None:
        """Write one record as a user."""
        options = self.connection(user).client_options()
        producer = aiokafka.AIOKafkaProducer(**options, acks="all", enable_idempotence=True)
        try:
            await producer.start()
            await producer.send_and_wait(topic, user.encode(), partition=0)
        finally:
            await producer.stop()

    async def read(self, user: str, topic: str) -> bytes:
        """Read the first record of a topic as a user, by place."""
        consumer = aiokafka.AIOKafkaConsumer(**self.connection(user).client_options())
        place = TopicPartition(topic, 0)
        try:
            await consumer.start()
            if topic not in await consumer.topics():
                # A topic that a user may not even describe is hidden from it.
                raise TopicAuthorizationFailedError(topic)
            consumer.assign([place])
            consumer.seek(place, 0)
            record = await consumer.getone(place)
        finally:
            await consumer.stop()
        value: bytes = record.value
        return value

    async def read_in_group(self, user: str, group: str) -> None:
        """Take a member's place in a consumer group as a user."""
        options = self.connection(user).client_options()
        consumer = aiokafka.AIOKafkaConsumer(SOTKAMO, **options, group_id=group)
        try:
            await consumer.start()
            await consumer.getmany(timeout_ms=0)
        finally:
            await consumer.stop()


async def is_refused(attempt: Callable[[], Awaitable[object]]) -> bool:
    """Say whether the broker refuses what is tried."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            await attempt()
    except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        return True
    return False


@pytest.mark.journey
async def test_what_is_printed_lets_everybody_do_their_own_and_nothing_else(
    broker: Broker, tmp_path: Path
) -> None:
    cluster = Cluster(broker, tmp_path)
    cluster.run("--only", "cs-sotkamo,cs-kajaani")
    password = (cluster.passwords / "cs-sotkamo").read_text()
    cluster.run("--only", "cs-sotkamo")

    assert (cluster.passwords / "cs-sotkamo").read_text() == password
    assert (cluster.passwords / "cs-sotkamo").stat().st_mode & 0o077 == 0
    await cluster.write("routing-api", SOTKAMO)
    await cluster.write("routing-api", KAJAANI)
    await cluster.write("cs-sotkamo", IN_SOTKAMO)
    assert await cluster.read("cs-sotkamo", SOTKAMO) == b"routing-api"
    assert await cluster.read("cs-kajaani", KAJAANI) == b"routing-api"
    assert await cluster.read("routing-api", IN_SOTKAMO) == b"cs-sotkamo"
    await cluster.read_in_group("cs-sotkamo", "cs-sotkamo.main")
    refused = {
        "read another's": lambda: cluster.read("cs-sotkamo", KAJAANI),
        "write one's own": lambda: cluster.write("cs-sotkamo", SOTKAMO),
        "write another's inbound": lambda: cluster.write("cs-sotkamo", IN_KAJAANI),
        "read one's own inbound": lambda: cluster.read("cs-sotkamo", IN_SOTKAMO),
        "read as the service": lambda: cluster.read("routing-api", SOTKAMO),
        "write inbound as the service": lambda: cluster.write("routing-api", IN_SOTKAMO),
        "take another's group": lambda: cluster.read_in_group("cs-sotkamo", "cs-kajaani.main"),
    }
    outcomes = {name: await is_refused(attempt) for name, attempt in refused.items()}
    assert outcomes == dict.fromkeys(refused, True)
