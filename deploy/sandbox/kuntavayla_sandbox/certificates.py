"""A small authority of the stack's own: made anew at each start, trusted by nobody else.

What belongs here: keys and certificates as PEM files under the state folder. Who listens with them
is told where processes are configured.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from kuntavayla_sandbox.state import PRIVATE_DIRECTORY, write_private

LIFETIME = timedelta(days=365)
EARLIER = timedelta(hours=1)
"""Certificates hold from a little before they were made, for clocks that differ."""
LOOPBACK = "127.0.0.1"


class Pair(Struct, frozen=True, kw_only=True):
    """A certificate and its key, as PEM files."""

    certificate_file: str
    key_file: str


class Trust(Struct, frozen=True, kw_only=True):
    """What two sides of a connection with mutual TLS need: their authority and a pair each."""

    authorities_file: str
    server: Pair
    client: Pair


class Authority:
    """Issues certificates into a folder; its own key is kept in memory and nowhere else."""

    def __init__(self, folder: Path, *, now: datetime, lifetime: timedelta = LIFETIME) -> None:
        self._folder = folder
        self._now = now
        self._lifetime = lifetime
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Kuntaväylä sandbox authority")
        own = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=1), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
        )
        folder.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        self.authorities_file = str(folder / "authority.pem")
        write_private(
            Path(self.authorities_file),
            own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM),
        )

    def issue_server(self, name: str) -> Pair:
        """Issue what a server on the loopback address shows."""
        alternatives = x509.SubjectAlternativeName(
            [x509.IPAddress(ip_address(LOOPBACK)), x509.DNSName("localhost")]
        )
        return self._issue(name, ExtendedKeyUsageOID.SERVER_AUTH, more=[alternatives])

    def issue_client(self, name: str) -> Pair:
        """Issue what a client shows."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, more=[])

    def _issue(
        self, name: str, usage: x509.ObjectIdentifier, *, more: Sequence[x509.ExtensionType]
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(_named(name), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=0), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        for extension in more:
            builder = builder.add_extension(extension, critical=False)
        pair = Pair(
            certificate_file=str(self._folder / f"{name}.pem"),
            key_file=str(self._folder / f"{name}-key.pem"),
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        write_private(Path(pair.certificate_file), certificate.public_bytes(Encoding.PEM))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(Path(pair.key_file), secret)
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(self._now, self._now + self._lifetime) - EARLIER)
            .not_valid_after(self._now + self._lifetime)
        )


def make_trust(folder: Path, *, now: datetime) -> Trust:
    """Return an authority's files with a server's and a client's pair, all made anew."""
    authority = Authority(folder, now=now)
    return Trust(
        authorities_file=authority.authorities_file,
        server=authority.issue_server("te-offices"),
        client=authority.issue_client("statement-relay"),
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(*, signs_certificates: int) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=bool(signs_certificates),
        crl_sign=bool(signs_certificates),
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
