"""What a broker is told: its listeners, its users, its keys, in a properties file of its own."""

import random
import socket
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path
from string import Template

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from msgspec import Struct

from kuntavayla_sandbox.broker.installing import RECIPE
from kuntavayla_sandbox.state import write_private

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ports that the system gives to outgoing calls, so that a restart finds its own free."""
PORT_ATTEMPTS = 200
CERTIFICATE_DAYS = 3_650
SCRAM = """
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.{name}.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
TLS = """
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
ssl.client.auth=requested
"""


class Listener(StrEnum):
    """How a broker may be spoken to, in Kafka's words."""

    PLAINTEXT = "PLAINTEXT"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    TLS = "SSL"
    SASL_TLS = "SASL_SSL"


WITH_USERS = {Listener.SASL_PLAINTEXT, Listener.SASL_TLS}
WITH_TLS = {Listener.TLS, Listener.SASL_TLS}


class BrokerPlan(Struct, frozen=True, kw_only=True):
    """What to start: always a plain listener, and those asked for; users with their passwords.

    `extra` are properties set last, for example a short retention.
    """

    listeners: frozenset[Listener] = frozenset()
    users: dict[str, str] = {}
    extra: dict[str, str] = {}
    heap_mib: int = 512


class TlsFiles(Struct, frozen=True):
    """The files a client needs for TLS: the authority's certificate, and a client's own pair."""

    authority: Path
    certificate: Path
    key: Path


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    for _ in range(PORT_ATTEMPTS):
        port = random.choice(PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError("no free port for a broker")


def write_properties(
    directory: Path, plan: BrokerPlan, *, ports: dict[str, int], controller_port: int
) -> Path:
    """Write the broker's properties, and its keys where a listener needs them; return the file."""
    places = [f"{name}://{HOST}:{port}" for name, port in ports.items()]
    template = Template((RECIPE / "server.properties").read_text())
    content = template.substitute(
        controller_port=controller_port,
        listeners=",".join([*places, f"CONTROLLER://{HOST}:{controller_port}"]),
        advertised_listeners=",".join(places),
        data=directory / "data",
    )
    for listener in sorted(plan.listeners & WITH_USERS):
        content += SCRAM.format(name=listener.lower())
    if plan.listeners & WITH_TLS:
        files = make_tls_files(directory)
        content += TLS.format(keystore=directory / "broker.pem", authority=files.authority)
    content += "".join(f"{name}={value}\n" for name, value in plan.extra.items())
    file = directory / "server.properties"
    write_private(file, content.encode())
    return file


def make_tls_files(directory: Path) -> TlsFiles:
    """Return the files of an authority made for this broker alone, kept with its data."""
    files = TlsFiles(directory / "ca.pem", directory / "client.pem", directory / "client.key")
    if files.authority.exists():
        return files
    authority = _Authority()
    broker_key, broker_certificate = authority.issue("broker")
    client_key, client_certificate = authority.issue("client")
    write_private(directory / "broker.pem", broker_key + broker_certificate)
    write_private(files.certificate, client_certificate)
    write_private(files.key, client_key)
    write_private(files.authority, authority.certificate.public_bytes(Encoding.PEM))
    return files


class _Authority:
    """An authority whose key nobody keeps: it signs the few certificates of one broker."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("local broker authority")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.certificate = (
            _certificate(self._name, issuer=self._name, key=self._key)
            .add_extension(constraints, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """Return key and certificate of a name, both as PEM, good for loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address(HOST))]
        certificate = (
            _certificate(_named(name), issuer=self._name, key=key)
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return secret, certificate.public_bytes(Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    name: x509.Name, *, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
    )
