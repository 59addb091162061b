"""Settings of statement-relay: one frozen value, read once at composition from `RELAY_…`."""

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
