"""Settings of routing-api: one frozen value, read once at composition from `ROUTING_…`."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from kuntavayla.settings import (
    EventServiceSettings,
    KeyRingText,
    KeysText,
)


class Settings(EventServiceSettings):
    """What routing-api must be told; nothing secret has a default."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_")

    service_role: str = Field(
        default="routing_api", description="Database role of the service, which migrations grant."
    )
    identity_keys: KeyRingText = Field(
        description="Keys that seal identity codes and profiles, the one in use first: id:base64,…"
    )
    lookup_key_a: KeysText = Field(
        description="Key of the first look-up of identity codes, base64; while it is replaced the"
        " one in use first: id:base64,…"
    )
    lookup_key_b: KeysText = Field(
        description="Key of the second look-up of identity codes, base64; while it is replaced the"
        " one in use first: id:base64,…"
    )
    fingerprint_key: KeysText = Field(
        description="Key of the fingerprints of request bodies, base64; once it was replaced the"
        " one in use first and every older one behind it: id:base64,…"
    )
    is_test_code_allowed: bool = Field(
        default=False,
        description="Whether identity codes 900-999 are taken; never in production.",
    )
    effective_days_ahead_max: int = Field(
        default=60, ge=0, le=366, description="Furthest effective_on ahead of today, in days."
    )
    effective_days_back_max: int = Field(
        default=31, ge=0, le=366, description="Furthest effective_on back from today, in days."
    )
    report_ahead_s_max: int = Field(
        default=300,
        ge=0,
        le=10 * 366 * 86_400,
        description="How far the time of an acknowledgement or a notice may lie ahead of our clock,"
        " in seconds.",
    )
    age_years_max: int = Field(
        default=120, ge=1, le=150, description="Oldest person that is taken, in years."
    )
    duplicate_wait_s_max: float = Field(
        default=5.0,
        ge=0.05,
        le=60,
        description="Longest wait of a call for another with its key, in seconds.",
    )
    acknowledge_working_days: int = Field(
        default=1, ge=1, le=60, description="Time to acknowledge a transfer, in working days."
    )
    acknowledge_initial_working_days: int = Field(
        default=10,
        ge=1,
        le=60,
        description="Time to acknowledge a transfer of the initial batch, in working days.",
    )
    acknowledge_hour: int = Field(
        default=16, ge=0, le=23, description="Hour of the day by which to acknowledge, Helsinki."
    )
    notice_working_days: int = Field(
        default=5, ge=1, le=60, description="Time to tell the person, in working days."
    )
    review_working_days: int = Field(
        default=3, ge=1, le=60, description="Time to resolve a review, in working days."
    )

    @model_validator(mode="after")
    def _replace_one_lookup_key_at_a_time(self) -> Self:
        """Keep one look-up complete under one key, by which the database tells persons apart."""
        if len(self.lookup_key_a.keys) > 1 and len(self.lookup_key_b.keys) > 1:
            raise ValueError("replace one look-up key after the other")
        return self
