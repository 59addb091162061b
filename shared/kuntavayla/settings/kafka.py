"""How a broker is reached: settings that every service mixes in, and the value made of them.

`class Settings(KafkaSettings, ServiceSettings)`. What belongs here knows no Kafka client: the value
gives the options in the words of aiokafka, which only outbox and inbox import.
"""

import ipaddress
import re
import ssl
from enum import StrEnum
from typing import Any, Self

from msgspec import Struct
from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings
from typing_extensions import override

SASL_MECHANISM = "SCRAM-SHA-512"
"""The only one: a broker that stores it knows no password, and none travels."""
_PLACE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
_PORT_MAX = 65_535


class Transport(StrEnum):
    """How events reach those that read them; restricted events go by the feed on both."""

    FEED = "feed"
    KAFKA = "kafka"


class KafkaSecurity(StrEnum):
    """How a broker is spoken to; the two without TLS only on this machine."""

    PLAINTEXT = "plaintext"
    SASL_PLAINTEXT = "sasl_plaintext"
    TLS = "tls"
    SASL_TLS = "sasl_tls"

    @property
    def has_user(self) -> bool:
        """Say whether a user name and a password are sent."""
        return self in {KafkaSecurity.SASL_PLAINTEXT, KafkaSecurity.SASL_TLS}

    @property
    def has_tls(self) -> bool:
        """Say whether the connection is encrypted and the broker proves who it is."""
        return self in {KafkaSecurity.TLS, KafkaSecurity.SASL_TLS}


_PROTOCOLS = {
    KafkaSecurity.PLAINTEXT: "PLAINTEXT",
    KafkaSecurity.SASL_PLAINTEXT: "SASL_PLAINTEXT",
    KafkaSecurity.TLS: "SSL",
    KafkaSecurity.SASL_TLS: "SASL_SSL",
}


class KafkaConnection(Struct, frozen=True, kw_only=True):
    """Where a broker is and how it is spoken to; its text form shows no password.

    Files are PEM: without `ca_file` the system's authorities are trusted; a certificate and its key
    are shown to a broker that asks for them.
    """

    bootstrap: str
    security: KafkaSecurity = KafkaSecurity.PLAINTEXT
    username: str = ""
    password: str = ""
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    @override
    def __repr__(self) -> str:
        return f"KafkaConnection({self.bootstrap!r}, {self.security.value!r})"

    def client_options(self) -> dict[str, Any]:
        """Return the options of a client of aiokafka; reads the files.

        Raises OSError or ssl.SSLError where a file cannot be used.
        """
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": _PROTOCOLS[self.security],
        }
        if self.security.has_user:
            options["sasl_mechanism"] = SASL_MECHANISM
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password
        if self.security.has_tls:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
            options["ssl_context"] = context
        return options


class KafkaSettings(BaseSettings):
    """Which way events travel, and the broker where that is Kafka."""

    transport: Transport = Field(
        default=Transport.FEED, description="How common events are read: from the feed or Kafka."
    )
    kafka_bootstrap: str | None = Field(
        default=None, description="Brokers to begin with, host:port,…; needed with Kafka."
    )
    kafka_security: KafkaSecurity = Field(
        default=KafkaSecurity.SASL_TLS,
        description="How brokers are spoken to; the two without TLS only on loopback addresses.",
    )
    kafka_username: str | None = Field(
        default=None, min_length=1, description="User of SCRAM-SHA-512; needed with SASL."
    )
    kafka_password: SecretStr | None = Field(
        default=None, min_length=1, description="Password of that user; needed with SASL."
    )
    kafka_ca_file: FilePath | None = Field(
        default=None, description="Authorities to trust, PEM; without it those of the system."
    )
    kafka_certificate_file: FilePath | None = Field(
        default=None, description="Certificate to show to brokers that ask for one, PEM."
    )
    kafka_key_file: FilePath | None = Field(
        default=None, description="Key of that certificate, PEM, without a password."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse what would fail only at the first event, or send a password in the clear."""
        faults = list(_faults_of(self))
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def kafka_connection(self) -> KafkaConnection | None:
        """Return how to reach the broker, or None where events travel by the feed."""
        if self.transport is not Transport.KAFKA:
            return None
        assert self.kafka_bootstrap is not None, "checked when the settings were read"
        return KafkaConnection(
            bootstrap=self.kafka_bootstrap,
            security=self.kafka_security,
            username=self.kafka_username or "",
            password=self.kafka_password.get_secret_value() if self.kafka_password else "",
            ca_file=_text(self.kafka_ca_file),
            certificate_file=_text(self.kafka_certificate_file),
            key_file=_text(self.kafka_key_file),
        )


def _faults_of(settings: KafkaSettings) -> list[str]:
    """Return what does not fit together, in sentences without values."""
    if settings.transport is Transport.FEED:
        return []
    security, files = (
        settings.kafka_security,
        (settings.kafka_certificate_file, settings.kafka_key_file),
    )
    user = (settings.kafka_username, settings.kafka_password)
    hosts = _hosts_of(settings.kafka_bootstrap or "")
    checks = {
        "transport kafka needs kafka_bootstrap as host:port,…": not hosts,
        "without TLS only brokers on loopback addresses are spoken to": not security.has_tls
        and not all(map(_is_own, hosts)),
        "SASL needs kafka_username and kafka_password": security.has_user and None in user,
        "without SASL there is no kafka_username and no kafka_password": not security.has_user
        and user != (None, None),
        "give kafka_certificate_file and kafka_key_file together": (files[0] is None)
        != (files[1] is None),
        "without TLS there are no kafka_…_file": not security.has_tls
        and (settings.kafka_ca_file, *files) != (None, None, None),
    }
    return [fault for fault, applies in checks.items() if applies]


def _hosts_of(bootstrap: str) -> list[str]:
    """Return the hosts of a list of `host:port`, or none where one of them is no such pair."""
    places = [_PLACE.fullmatch(part.strip()) for part in bootstrap.split(",")]
    hosts = [
        place["host"].strip("[]")
        for place in places
        if place and 0 < int(place["port"]) <= _PORT_MAX
    ]
    return hosts if len(hosts) == len(places) else []


def is_loopback(bootstrap: str) -> bool:
    """Say whether this is a list of `host:port` that are all this machine's own."""
    hosts = _hosts_of(bootstrap)
    return bool(hosts) and all(map(_is_own, hosts))


def _is_own(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _text(path: object) -> str | None:
    return None if path is None else str(path)
