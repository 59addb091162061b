"""Bytes that may hold personal data, as AES-GCM ciphertexts that open for one id alone.

Nonces are drawn from the source of random bytes that the composition root passes in.
"""

from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

NONCE_BYTES = 12
"""Length of an AES-GCM nonce (NIST SP 800-38D)."""


class Sealed(Struct, frozen=True):
    """A ciphertext with its nonce before it, and the id of its key."""

    ciphertext: bytes
    key_id: str


class Sealer:
    """Seals with the key in use, and opens what any key of the ring has sealed."""

    def __init__(
        self, keys: Mapping[str, bytes], *, current_id: str, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = self._ciphers[current_id]
        self._current_id = current_id
        self._random_bytes = random_bytes

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
