"""A block: what it says, its bytes, its hash and its signature; pure but for the keys given.

The hash covers every field but itself and the signature, in the form that docs/audit.md gives, and
the signature covers the same bytes. A block names the hash of the one before, so whoever holds one
hash outside holds all that came before it.
"""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from kuntavayla.audit.merkle import HASH_BYTES
from kuntavayla.audit.ranges import Ranges

TAG = b"kuntavayla audit block 1\n"
"""The first bytes of every header: what is signed here passes for nothing else."""
NO_HASH = bytes(HASH_BYTES)
"""What the first block names in place of a previous hash."""
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBERS = struct.Struct(">qqqqqq")
_COUNT = struct.Struct(">i")
_RUN = struct.Struct(">qq")


class Content(Struct, frozen=True, kw_only=True):
    """What a block says.

    `members` are the numbers of its lines. `settled_to`: no line up to this number can come any
    more, and all that came are in this block or an earlier one. `ahead` are the numbers above it
    that are sealed already, in this block or an earlier one.
    """

    number: int
    previous_hash: bytes
    root: bytes
    line_count: int
    first_audit_id: int
    last_audit_id: int
    members: Ranges
    settled_to: int
    ahead: Ranges
    sealed_at: datetime
    key_id: str


class Block(Content, frozen=True, kw_only=True):
    """A block as it is stored."""

    hash: bytes
    signature: bytes


class SealKey:
    """The private key that signs blocks, with the id by which verifiers find its public half."""

    def __init__(self, key_id: str, secret: bytes) -> None:
        self.key_id = key_id
        self._key = Ed25519PrivateKey.from_private_bytes(secret)

    @property
    def public_bytes(self) -> bytes:
        """Return the public half, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, header: bytes) -> bytes:
        """Return the Ed25519 signature of a header, 64 bytes."""
        return self._key.sign(header)


class SealKeys:
    """The public keys, by id, that a verifier trusts: given to it, never read with the blocks."""

    def __init__(self, public: Mapping[str, bytes]) -> None:
        self.public = dict(public)
        self._keys = {
            key_id: Ed25519PublicKey.from_public_bytes(key) for key_id, key in public.items()
        }

    def knows(self, key_id: str) -> bool:
        """Tell whether a key of this id is trusted."""
        return key_id in self._keys

    def has_signed(self, block: Block, *, header: bytes) -> bool:
        """Tell whether the signature of a block is that of its key over the header."""
        try:
            self._keys[block.key_id].verify(block.signature, header)
        except InvalidSignature:
            return False
        return True


def header_of(content: Content, *, source: str) -> bytes:
    """Return the bytes that are hashed and signed; `source` is the service whose audit it is."""
    return b"".join(
        (
            TAG,
            _sized(source.encode()),
            _sized(content.previous_hash),
            _sized(content.root),
            _NUMBERS.pack(
                content.number,
                content.line_count,
                content.first_audit_id,
                content.last_audit_id,
                content.settled_to,
                (content.sealed_at - _EPOCH_START) // _MICROSECOND,
            ),
            _runs(content.members),
            _runs(content.ahead),
            _sized(content.key_id.encode()),
        )
    )


def hash_of(header: bytes) -> bytes:
    """Return the hash of a block."""
    return sha256(header).digest()


def _sized(part: bytes) -> bytes:
    return _COUNT.pack(len(part)) + part


def _runs(ranges: Ranges) -> bytes:
    return _COUNT.pack(len(ranges)) + b"".join(_RUN.pack(*run) for run in ranges)
