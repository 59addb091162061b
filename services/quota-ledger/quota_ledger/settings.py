"""Settings of quota-ledger: one frozen value, read once at composition from `QUOTA_…`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kuntavayla.settings import (
    EventServiceSettings,
    KeysText,
    RoutingSettings,
)


class Settings(RoutingSettings, EventServiceSettings):
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
    statistics_rounded_to: int = Field(
        default=5, ge=1, le=1_000, description="What published counts are rounded to."
    )
    statistics_rate_of_min: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Smallest rounded number of persons of whose decisions amounts are published.",
    )
    duplicate_wait_s_max: float = Field(
        default=5.0,
        ge=0.05,
        le=60,
        description="Longest wait of a call for another with its key, in seconds.",
    )
