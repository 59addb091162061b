"""Secret keys in settings: given as base64 text, held as bytes, never shown."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

_KEY_BYTES = 32
LONE_KEY_ID = "0"
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Key:
    """A secret key of 32 bytes; its text form shows nothing of it."""

    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Named keys, the one in use first; the others still open what was closed with them."""

    keys: tuple[tuple[str, Key], ...]

    @property
    def newest(self) -> tuple[str, Key]:
        """Return id and key that new work uses."""
        return self.keys[0]

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Return all keys, the one in use first."""
        return tuple(key.secret for _, key in self.keys)

    def find(self, key_id: str) -> Key | None:
        """Return the key of this id, or None."""
        return dict(self.keys).get(key_id)


def parse_key(value: object) -> Key:
    """Return the key of its base64 text; the refusal does not quote it."""
    if isinstance(value, Key):
        return value
    try:
        secret = base64.b64decode(str(value).replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("give the key in base64") from None
    if len(secret) != _KEY_BYTES:
        raise ValueError("give a key of 32 bytes in base64")
    return Key(secret)


def parse_key_ring(value: object) -> KeyRing:
    """Return the ring of a text such as "k2:BASE64,k1:BASE64"; the refusal does not quote it."""
    if isinstance(value, KeyRing):
        return value
    keys = tuple(_parse_named(part.strip()) for part in str(value).split(","))
    if len({key_id for key_id, _ in keys}) != len(keys):
        raise ValueError("give each key id once")
    return KeyRing(keys)


def parse_keys(value: object) -> KeyRing:
    """Return the ring of one key's base64 text, or of a ring's text.

    A lone key is called by `LONE_KEY_ID`: by that name it stays in a ring when another one comes.
    """
    if isinstance(value, KeyRing) or ":" in str(value):
        return parse_key_ring(value)
    return KeyRing(((LONE_KEY_ID, parse_key(value)),))


def parse_named_key(value: object) -> KeyRing:
    """Return the ring of exactly one key, such as "k2:BASE64"; the refusal does not quote it."""
    ring = parse_key_ring(value)
    if len(ring.keys) != 1:
        raise ValueError("give one key as id:base64")
    return ring


def parse_public_keys(value: object) -> KeyRing:
    """Return the public keys of a text such as "k1:BASE64,k0:BASE64"; "" names none."""
    return KeyRing(()) if value == "" else parse_key_ring(value)


def _parse_named(part: str) -> tuple[str, Key]:
    key_id, _, text = part.partition(":")
    if _KEY_ID.fullmatch(key_id) is None:
        raise ValueError("give each key as id:base64, the id in small letters and digits")
    return key_id, parse_key(text)


KeyText = Annotated[Key, NoDecode, BeforeValidator(parse_key)]
"""A settings field that holds one key."""
NamedKeyText = Annotated[KeyRing, NoDecode, BeforeValidator(parse_named_key)]
"""A settings field that holds one key with its id."""
PublicKeysText = Annotated[KeyRing, NoDecode, BeforeValidator(parse_public_keys)]
"""A settings field that holds public keys with their ids, none among them."""
KeyRingText = Annotated[KeyRing, NoDecode, BeforeValidator(parse_key_ring)]
"""A settings field that holds a key ring."""
KeysText = Annotated[KeyRing, NoDecode, BeforeValidator(parse_keys)]
"""A settings field that holds one key, or a ring while and after it is replaced by another."""
