"""The identity vault: identity codes and profiles as AES-GCM ciphertexts, and keyed look-ups.

Two look-ups stand in two unique columns, each by a key of its own, so that keys rotate while
uniqueness is always enforced on a complete column. Nonces are drawn from the source of random bytes
that the composition root passes in.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from kuntavayla.values.digests import KeyedDigest
from kuntavayla.values.sealing import Sealer


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


class IdentityVault(Sealer):
    """Seals and opens what identifies a person."""

    def __init__(self, keys: VaultKeys, *, random_bytes: Callable[[int], bytes]) -> None:
        super().__init__(keys.encryption, current_id=keys.current_id, random_bytes=random_bytes)
        self._lookup_a = tuple(map(KeyedDigest, keys.lookup_a))
        self._lookup_b = tuple(map(KeyedDigest, keys.lookup_b))
        self.fingerprints = tuple(map(KeyedDigest, keys.fingerprint))

    def lookups(self, identity_code: str) -> Lookups:
        """Return the keyed look-ups of an identity code."""
        text = identity_code.encode()
        return Lookups(
            tuple(digest(text) for digest in self._lookup_a),
            tuple(digest(text) for digest in self._lookup_b),
        )
