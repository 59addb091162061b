"""Settings of statement-relay: one frozen value, read once at composition from `RELAY_…`."""

from datetime import time

from pydantic import Field, SecretStr
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
    routing_url: str = Field(
        pattern=r"^https?://[^\s?#]+[^\s?#/]$",
        description="Address of routing-api with its prefix: who is responsible is read there.",
    )
    routing_token_url: str = Field(
        pattern=r"^https?://[^\s?#]+$",
        description="Where the token for routing-api is got, by client credentials.",
    )
    routing_client_id: str = Field(
        pattern=r"^[!-~]{1,500}$", description="Client id of the service for that token."
    )
    routing_client_secret: SecretStr = Field(
        min_length=1, description="Client secret of the service for that token."
    )
    deliver_working_days: int = Field(
        default=2, ge=1, le=60, description="Time to deliver an item, in working days."
    )
    deliver_by: time = Field(
        default=time(16, 15), description="Time of that day by which to deliver, in Helsinki."
    )
    warn_working_days_before: int = Field(
        default=1,
        ge=0,
        le=59,
        description="How long before that an item counts as delayed, in working days.",
    )
    report_ahead_s_max: int = Field(
        default=300,
        ge=0,
        le=10 * 366 * 86_400,
        description="How far a reported time may lie ahead of our clock, in seconds.",
    )
    duplicate_wait_s_max: float = Field(
        default=5.0,
        ge=0.05,
        le=60,
        description="Longest wait of a call for another with its key, in seconds.",
    )
