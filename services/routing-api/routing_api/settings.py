"""Settings of routing-api: one frozen value, read once at composition from `ROUTING_…`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kuntavayla.settings import KafkaSettings, KeyRingText, KeyText, ServiceSettings


class Settings(KafkaSettings, ServiceSettings):
    """What routing-api must be told; nothing secret has a default."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_")

    service_role: str = Field(
        default="routing_api", description="Database role of the service, which migrations grant."
    )
    identity_keys: KeyRingText = Field(
        description="Keys that seal identity codes and profiles, the one in use first: id:base64,…"
    )
    lookup_key_a: KeyText = Field(description="Key of the first look-up of identity codes, base64.")
    lookup_key_b: KeyText = Field(
        description="Key of the second look-up of identity codes, base64."
    )
    fingerprint_key: KeyText = Field(
        description="Key of the fingerprints of request bodies, base64."
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
