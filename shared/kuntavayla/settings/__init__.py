"""Settings of a service: one frozen value per process, from the environment; no default secret."""

from kuntavayla.settings.event_service import EventServiceSettings
from kuntavayla.settings.kafka import (
    KafkaConnection,
    KafkaSecurity,
    KafkaSettings,
    Transport,
    is_loopback,
)
from kuntavayla.settings.routing import RoutingSettings
from kuntavayla.settings.seals import SealSettings
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
    "EventServiceSettings",
    "KafkaConnection",
    "KafkaSecurity",
    "KafkaSettings",
    "Key",
    "KeyRing",
    "KeyRingText",
    "KeyText",
    "KeysText",
    "NamedKeyText",
    "PublicKeysText",
    "RoutingSettings",
    "SealSettings",
    "ServiceSettings",
    "Transport",
    "is_loopback",
]
