from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError
from msgspec import structs
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from kuntavayla.settings import (
    KafkaConnection,
    KafkaSecurity,
    KafkaSettings,
    ServiceSettings,
    Transport,
)
from kuntavayla_sandbox.broker import Broker, Listener
from tests.topics import a_name, make_topic

PASSWORD = "hunter2-of-the-tests"
USER = {"kafka_username": "routing-api", "kafka_password": SecretStr(PASSWORD)}
SERVICE = {
    "database_url": SecretStr("postgresql://localhost/routing"),
    "token_issuer": "https://issuer.example",
    "token_audience": "kuntavayla",
    "token_jwks_url": "https://issuer.example/jwks.json",
}
LOOPBACK = "127.0.0.1:9092"
FAR = "kafka-1.example:9092"


class ExampleSettings(KafkaSettings, ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")


def settings(**given: object) -> ExampleSettings:
    return ExampleSettings.model_validate({**SERVICE, **given})


def kafka(**given: object) -> ExampleSettings:
    return settings(transport=Transport.KAFKA, **given)


def test_without_a_word_events_travel_by_the_feed_and_no_broker_is_known() -> None:
    assert settings().transport is Transport.FEED
    assert settings().kafka_connection is None


def test_the_mixed_in_settings_stay_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXAMPLE_KAFKA_BOOTSTARP", FAR)

    with pytest.raises(ValidationError, match="example_kafka_bootstarp"):
        settings()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs kafka_bootstrap"),
        ({"kafka_bootstrap": "kafka-1.example"}, "needs kafka_bootstrap"),
        ({"kafka_bootstrap": "kafka-1.example:0"}, "needs kafka_bootstrap"),
        ({"kafka_bootstrap": f"{FAR},"}, "needs kafka_bootstrap"),
        ({"kafka_bootstrap": FAR, "kafka_security": "plaintext"}, "only brokers on loopback"),
        ({"kafka_bootstrap": f"{LOOPBACK},{FAR}", "kafka_security": "plaintext"}, "loopback"),
        ({"kafka_bootstrap": FAR, "kafka_security": "sasl_plaintext", **USER}, "loopback"),
        ({"kafka_bootstrap": FAR}, "SASL needs"),
        ({"kafka_bootstrap": FAR, "kafka_username": "routing-api"}, "SASL needs"),
        ({"kafka_bootstrap": FAR, "kafka_security": "tls", **USER}, "without SASL there is no"),
        ({"kafka_bootstrap": FAR, "kafka_key_file": __file__, **USER}, "together"),
        (
            {"kafka_bootstrap": LOOPBACK, "kafka_security": "plaintext", "kafka_ca_file": __file__},
            "without TLS there are no",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_at_the_start(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        kafka(**given)

    assert PASSWORD not in str(refused.value)
    assert "kafka-1" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="kafka_ca_file"):
        kafka(kafka_bootstrap=FAR, kafka_ca_file=Path("no-such.pem"), **USER)


@pytest.mark.parametrize("place", [LOOPBACK, "localhost:9092", "[::1]:9092", "127.0.0.2:1"])
def test_on_this_machine_no_tls_is_asked_for(place: str) -> None:
    connection = kafka(kafka_bootstrap=place, kafka_security="plaintext").kafka_connection

    assert connection == KafkaConnection(bootstrap=place)


def test_a_password_is_shown_neither_by_the_settings_nor_by_the_connection() -> None:
    read = kafka(kafka_bootstrap=FAR, **USER)

    assert PASSWORD not in repr(read)
    assert PASSWORD not in repr(read.kafka_connection)
    assert PASSWORD not in str(read.kafka_connection)


def test_a_connection_can_be_handed_to_another_process() -> None:
    connection = kafka(kafka_bootstrap=FAR, **USER).kafka_connection

    handed = msgspec.json.decode(msgspec.json.encode(connection), type=KafkaConnection)

    assert handed == connection
    assert handed.password == PASSWORD


def connection_of(broker: Broker, security: KafkaSecurity, **given: str | None) -> KafkaConnection:
    place = broker.address(Listener[security.name])
    return msgspec.convert(
        {"bootstrap": place, "security": security, **given}, type=KafkaConnection
    )


async def topics_seen(connection: KafkaConnection) -> set[str]:
    """Return the topics that a client with these options may see."""
    consumer = aiokafka.AIOKafkaConsumer(**connection.client_options())
    try:
        await consumer.start()
        topics: set[str] = await consumer.topics()
    finally:
        await consumer.stop()
    return topics


@pytest.mark.parametrize("security", list(KafkaSecurity))
async def test_the_broker_is_reached_in_each_of_the_four_ways(
    broker: Broker, security: KafkaSecurity
) -> None:
    ca_file = str(broker.tls_files.authority) if security.has_tls else None
    password = broker.plan.users["admin"] if security.has_user else ""
    username = "admin" if security.has_user else ""
    connection = connection_of(
        broker, security, ca_file=ca_file, username=username, password=password
    )

    assert isinstance(await topics_seen(connection), set)


async def test_a_certificate_of_ones_own_is_shown_to_the_broker(broker: Broker) -> None:
    files, topic = broker.tls_files, await make_topic(broker, a_name())
    nameless = connection_of(broker, KafkaSecurity.TLS, ca_file=str(files.authority))
    named = structs.replace(
        nameless, certificate_file=str(files.certificate), key_file=str(files.key)
    )

    # The broker's own ACLs hide a topic from a name that has no right to it.
    assert topic in await topics_seen(nameless)
    assert topic not in await topics_seen(named)


async def test_a_wrong_password_is_refused_by_the_broker(broker: Broker) -> None:
    connection = connection_of(
        broker, KafkaSecurity.SASL_PLAINTEXT, username="routing-api", password=PASSWORD
    )

    with pytest.raises(KafkaError):
        await topics_seen(connection)


async def test_a_broker_of_an_unknown_authority_is_not_spoken_to(broker: Broker) -> None:
    with pytest.raises(KafkaConnectionError):
        await topics_seen(connection_of(broker, KafkaSecurity.TLS))
