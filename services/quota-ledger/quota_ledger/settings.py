"""Settings of quota-ledger: one frozen value, read once at composition from `QUOTA_…`."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from kuntavayla.settings import KafkaSettings, KeysText, SealSettings, ServiceSettings


class Settings(SealSettings, KafkaSettings, ServiceSettings):
    """What quota-ledger must be told; nothing secret has a default."""

    model_config = SettingsConfigDict(env_prefix="QUOTA_")

    service_role: str = Field(
        default="quota_ledger",
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
    binds_persons: bool = Field(
        default=False,
        description="Whether persons bind like euros in accounts that are opened from now on.",
    )
    reservation_days: int = Field(
        default=60,
        ge=1,
        le=365,
        description="Days behind its decision at whose end a reservation expires.",
    )
    reservation_warning_days: int = Field(
        default=7,
        ge=1,
        le=60,
        description="Days before the end of a reservation on which its sender is warned.",
    )
    duplicate_wait_s_max: float = Field(
        default=5.0,
        ge=0.05,
        le=60,
        description="Longest wait of a call for another with its key, in seconds.",
    )
