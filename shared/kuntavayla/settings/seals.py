"""Settings of the seal over a service's audit."""

from pydantic import Field
from pydantic_settings import BaseSettings

from kuntavayla.settings.secrets import KeyRing, NamedKeyText, PublicKeysText


class SealSettings(BaseSettings):
    """What a service signs its audit with, and how often."""

    audit_signing_key: NamedKeyText = Field(
        description="Ed25519 private key that signs the audit's blocks: id:base64 of its 32 bytes."
    )
    audit_retired_keys: PublicKeysText = Field(
        default=KeyRing(()),
        description="Public keys that signed earlier blocks, kept to verify them: id:base64,…",
    )
    audit_seal_interval_ms: int = Field(
        default=2_000,
        ge=10,
        le=60_000,
        description="Longest time between two blocks of the audit, in milliseconds.",
    )
