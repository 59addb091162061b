"""Topics, users and rights on a broker, made as an operator makes them: by deploy/kafka."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import aiokafka
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition

from kuntavayla.settings import KafkaConnection, KafkaSecurity
from kuntavayla_sandbox.broker import Broker, Listener, install

RIGHTS = Path(__file__).parents[1] / "deploy" / "kafka" / "rights.py"
TOOLS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
}


def printed(*arguments: str) -> str:
    """Return the lines that the script prints."""
    return rights(*arguments, succeeds=True).stdout


def rights(*arguments: str, succeeds: bool) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RIGHTS), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=succeeds)  # noqa: S603 - a constant


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

    async def read_in_group(self, user: str, group: str, *, topic: str) -> None:
        """Take a member's place in a consumer group as a user."""
        options = self.connection(user).client_options()
        consumer = aiokafka.AIOKafkaConsumer(topic, **options, group_id=group)
        try:
            await consumer.start()
            await consumer.getmany(timeout_ms=0)
        finally:
            await consumer.stop()
