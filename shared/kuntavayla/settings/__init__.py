"""Settings of a service: one frozen value per process, from the environment; no default secret."""

from kuntavayla.settings.secrets import (
    Key,
    KeyRing,
    KeyRingText,
    KeysText,
    KeyText,
    NamedKeyText,
    PublicKeysText,
)
from kuntavayla.settings.service import ServiceSettings

__all__ = [
    "Key",
    "KeyRing",
    "KeyRingText",
    "KeyText",
    "KeysText",
    "NamedKeyText",
    "PublicKeysText",
    "ServiceSettings",
]
