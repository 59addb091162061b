"""The settings that every service has, and how they are read.

A service subclasses `ServiceSettings` with its prefix:
`class Settings(ServiceSettings): model_config = SettingsConfigDict(env_prefix="ROUTING_")`.
"""

from typing import Any

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override


class _StrictEnvironment(EnvSettingsSource):
    """The environment, with the keys of our prefix that name no field: they are refused."""

    @override
    def __call__(self) -> dict[str, Any]:
        known = super().__call__()
        fields = {f"{self.env_prefix}{name}".lower() for name in self.settings_cls.model_fields}
        prefix = self.env_prefix.lower()
        unknown = [
            name
            for name in self.env_vars
            if prefix and name.lower().startswith(prefix) and name.lower() not in fields
        ]
        return {**known, **dict.fromkeys(unknown, "")}


class ServiceSettings(BaseSettings):
    """What every service must be told before it starts; unknown keys of its prefix are refused."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
        env_ignore_empty=False,
    )

    database_url: SecretStr = Field(
        description="PostgreSQL address of the service's role (postgresql://…)."
    )
    migration_database_url: SecretStr | None = Field(
        default=None,
        description="Address of the role that migrates; without it `database_url` is used.",
    )
    database_connections_max: int = Field(
        default=10, ge=2, le=200, description="Connections of the pool per process."
    )
    token_issuer: str = Field(
        min_length=1, description="Issuer (`iss`) that tokens must name, as text."
    )
    token_audience: str = Field(
        min_length=1, description="Audience (`aud`) that tokens must name, as text."
    )
    token_jwks_url: str = Field(
        pattern=r"^https?://", description="Address of the issuer's public keys (JWKS)."
    )
    listen_host: str = Field(default="127.0.0.1", description="Address to listen on.")
    listen_port: int = Field(
        default=8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address that serves the metrics.")
    metrics_port: int = Field(
        default=9000,
        ge=0,
        le=65_535,
        description="Port that serves the metrics; 0 takes a free one.",
    )
    body_received_bytes_max: int = Field(
        default=1_048_576, ge=1_024, le=67_108_864, description="Largest body as sent, in bytes."
    )
    body_inflated_bytes_max: int = Field(
        default=1_048_576, ge=1_024, le=67_108_864, description="Largest body inflated, in bytes."
    )
    bulk_inflated_bytes_max: int = Field(
        default=16_777_216,
        ge=1_024,
        le=67_108_864,
        description="Largest body of a bulk call, as sent and inflated, in bytes.",
    )
    rate_calls_per_s: float = Field(
        default=5_000,
        ge=0.01,
        le=1_000_000,
        description="Calls a second that one organisation may make of one process, lastingly.",
    )
    rate_burst_calls: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Calls at once that one organisation may make of one process.",
    )
    shutdown_grace_s: int = Field(
        default=20, ge=1, le=300, description="Seconds that requests in flight may take at the end."
    )

    @property
    def owner_database_url(self) -> SecretStr:
        """Return the address that migrations use."""
        return self.migration_database_url or self.database_url

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment; no file is read unasked."""
        return (init_settings, _StrictEnvironment(settings_cls))
