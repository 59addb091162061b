"""Certificates of an authority of the tests' own, valid or not."""

import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def tomorrow() -> datetime:
    """Return the machine's time a day ahead: TLS knows no other clock."""
    return datetime.fromtimestamp(time.time(), UTC) + DAY


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, as PEM files."""

    certificate_file: str
    key_file: str


class Authority:
    """Issues certificates into a folder; `certificate_file` is its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key, ends_at=tomorrow())
        builder = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate_file = self._write(name, builder.sign(self._key, hashes.SHA256()))

    def issue(self, host: str, *, ends_at: datetime | None = None) -> Pair:
        """Return a certificate for a host; by default it is valid for a day."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        until = ends_at if ends_at is not None else tomorrow()
        builder = self._builder(subject, key, ends_at=until).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
        key_file = self._folder / f"{host}-{until:%Y%m%d}-key.pem"
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(self._write(f"{host}-{until:%Y%m%d}", certificate), str(key_file))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ends_at: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(ends_at - 2 * DAY)
            .not_valid_after(ends_at)
        )

    def _write(self, name: str, certificate: x509.Certificate) -> str:
        path = self._folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return str(path)


def server_context(pair: Pair, *, clients_of: str | None = None) -> ssl.SSLContext:
    """Return a server's context; with `clients_of` it takes only that authority's clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate_file, pair.key_file)
    if clients_of is not None:
        context.load_verify_locations(clients_of)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
