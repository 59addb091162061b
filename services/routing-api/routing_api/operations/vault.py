"""The identity vault: identity codes and profiles as AES-GCM ciphertexts, and keyed look-ups.

Two look-ups stand in two unique columns, each by a key of its own, so that keys rotate while
uniqueness is always enforced on a complete column. Nonces are drawn from the source of random bytes
that the composition root passes in.
"""

from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from kuntavayla.values.digests import KeyedDigest

NONCE_BYTES = 12
"""Length of an AES-GCM nonce (NIST SP 800-38D)."""


class Sealed(Struct, frozen=True):
    """A ciphertext with its nonce before it, and the id of its key."""

    ciphertext: bytes
    key_id: str


class VaultKeys(Struct, frozen=True):
    """Encryption keys by id, the one in use, and the keys of look-ups and fingerprints.

    Of the latter the first is in use; those behind it made what is stored from before.
    """

    encryption: Mapping[str, bytes]
    current_id: str
    lookup_a: tuple[bytes, ...]
    lookup_b: tuple[bytes, ...]
    fingerprint: tuple[bytes, ...]


class Lookups(Struct, frozen=True):
    """The keyed look-ups of one identity code, in each column by every key, the one in use first.

    A person is asked for by all of `a`, and stored by the first of each.
    """

    a: tuple[bytes, ...]
    b: tuple[bytes, ...]


class IdentityVault:
    """Seals and opens what identifies a person."""

    def __init__(self, keys: VaultKeys, *, random_bytes: Callable[[int], bytes]) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.encryption.items()}
        self._current = self._ciphers[keys.current_id]
        self._current_id = keys.current_id
        self._lookup_a = tuple(map(KeyedDigest, keys.lookup_a))
        self._lookup_b = tuple(map(KeyedDigest, keys.lookup_b))
        self._random_bytes = random_bytes
        self.fingerprints = tuple(map(KeyedDigest, keys.fingerprint))

    def lookups(self, identity_code: str) -> Lookups:
        """Return the keyed look-ups of an identity code."""
        text = identity_code.encode()
        return Lookups(
            tuple(digest(text) for digest in self._lookup_a),
            tuple(digest(text) for digest in self._lookup_b),
        )

    def seal(self, plain: bytes, *, belongs_to: str) -> Sealed:
        """Return the ciphertext of a text that belongs to one id; it opens for no other."""
        nonce = self._random_bytes(NONCE_BYTES)
        return Sealed(
            nonce + self._current.encrypt(nonce, plain, belongs_to.encode()), self._current_id
        )

    def open(self, ciphertext: bytes, *, key_id: str, belongs_to: str) -> bytes:
        """Return the text of a ciphertext of ours."""
        return self._ciphers[key_id].decrypt(
            ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], belongs_to.encode()
        )
