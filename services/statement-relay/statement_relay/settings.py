"""Settings of statement-relay: one frozen value, read once at composition from `RELAY_…`."""

from datetime import time

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kuntavayla.settings import KafkaSettings, KeysText, SealSettings, ServiceSettings


class Settings(SealSettings, KafkaSettings, ServiceSettings):
    """What statement-relay must be told; nothing secret has a default."""

    model_config = SettingsConfigDict(env_prefix="RELAY_")

    service_role: str = Field(
        default="statement_relay",
        description="Database role of the service, which migrations grant.",
    )
    fingerprint_key: KeysText = Field(
        description="Key of the fingerprints of request bodies, base64; once it was replaced the"
        " one in use first and every older one behind it: id:base64,…"
    )
    request_working_days: int = Field(
        default=3,
        ge=1,
        le=30,
        description="Working days in which a municipality answers a question, where the TE office"
        " gives no number of its own.",
    )
    request_reminder_working_days: int = Field(
        default=1,
        ge=0,
        le=30,
        description="Working days before its time is over that a question is reminded of.",
    )
    due_at: time = Field(
        default=time(16, 15), description="Hour in Helsinki at which a last day is over."
    )
