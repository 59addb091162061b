"""Whom a connection trusts and by which certificate we show who we are."""

import ssl

from statement_relay.rules.endpoints import OwnCertificate


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
