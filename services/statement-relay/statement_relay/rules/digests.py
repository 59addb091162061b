"""The digest of bytes as HTTP writes it: RFC 9530, SHA-256 alone."""

from base64 import b64encode
from hashlib import sha256
from typing import Annotated

from msgspec import Meta

Digest = Annotated[
    str,
    Meta(
        pattern=r"^sha-256=:[A-Za-z0-9+/]{43}=:$",
        title="digest",
        description='Give the SHA-256 digest as RFC 9530 writes it: "sha-256=:…:" in base64.',
    ),
]


def digest_of(body: bytes) -> str:
    """Return the digest of the bytes, as the header Content-Digest carries it."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode('ascii')}:"
