"""The settings of a service that tells events."""

from kuntavayla.settings.kafka import KafkaSettings
from kuntavayla.settings.seals import SealSettings
from kuntavayla.settings.service import ServiceSettings


class EventServiceSettings(SealSettings, KafkaSettings, ServiceSettings):
    """What such a service is told: how it serves, how its events travel, how it seals its audit."""
