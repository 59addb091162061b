"""Whom a connection trusts, by which certificate we show who we are, and until when both hold."""

import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography import x509
from typing_extensions import override

from statement_relay.rules.endpoints import Endpoint, OwnCertificate

Whose = Literal["ours", "theirs"]
"""The certificate that we show, or that of whoever we call."""


class CertificateEnds:
    """Until when the certificates of a connection hold, by the machine's clock.

    Ours is known from its file; theirs from the newest handshake that came to its end.
    """

    def __init__(self) -> None:
        self._known: dict[Whose, datetime] = {}

    @property
    def known(self) -> dict[Whose, datetime]:
        """Return those that are known."""
        return dict(self._known)

    def has_ours_ended(self, *, now_s: float) -> bool:
        """Tell whether the certificate that we show has ended; False where we show none."""
        ends_at = self._known.get("ours")
        return ends_at is not None and ends_at.timestamp() <= now_s

    def note(self, whose: Whose, ends_at: datetime) -> None:
        """Note until when a certificate holds."""
        self._known[whose] = ends_at


def trusted_by(
    authorities_file: str | None, *, own: OwnCertificate | None = None
) -> ssl.SSLContext:
    """Return a TLS context that verifies certificate and name of whoever we call.

    Trusted are the machine's authorities or those of a PEM file. Raises OSError (ssl.SSLError among
    them) where a named file can not be read or used.
    """
    context = ssl.create_default_context(cafile=authorities_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if own is not None:
        context.load_cert_chain(own.certificate_file, own.key_file)
    return context


def trust_of(endpoint: Endpoint, ends: CertificateEnds) -> ssl.SSLContext | None:
    """Return the TLS context of a receiver, or None for one without TLS; `ends` learns of it.

    Raises OSError as `trusted_by` does.
    """
    if not endpoint.url.startswith("https://"):
        return None
    context = trusted_by(endpoint.authorities_file, own=endpoint.mtls)
    if endpoint.mtls is not None:
        ends.note("ours", _end_of(Path(endpoint.mtls.certificate_file)))
    watch(context, lambda ends_at: ends.note("theirs", ends_at))
    return context


def watch(context: ssl.SSLContext, note: Callable[[datetime], None]) -> None:
    """Let `note` hear, after each handshake, until when the counterpart's certificate holds."""

    class Watched(ssl.SSLObject):
        """One connection's TLS."""

        @override
        def do_handshake(self) -> None:
            """Shake hands; what was shown is asked once it is verified."""
            super().do_handshake()
            shown = self.getpeercert() or {}
            told = shown.get("notAfter")
            if isinstance(told, str):
                note(datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC))

    context.sslobject_class = Watched


def marks_of(endpoint: Endpoint) -> tuple[tuple[int, int, int], ...]:
    """Return by what a change of the files that an endpoint names is seen; raises OSError."""
    own = endpoint.mtls
    named = [endpoint.authorities_file]
    named += [own.certificate_file, own.key_file] if own is not None else []
    found = [os.stat(path) for path in named if path is not None]  # noqa: PTH116 - as given
    return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


def _end_of(file: Path) -> datetime:
    """Return when the first certificate of a file's chain ends.

    Raises ssl.SSLError where the file holds none that can be read.
    """
    try:
        chain = x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError:
        raise ssl.SSLError("a certificate that cannot be read") from None
    return min(one.not_valid_after_utc for one in chain)
