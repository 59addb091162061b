"""What the stack prepares alike for its services.

Databases; settings: tokens, keys, the way events travel, and where routing-api is followed.
"""

import base64
import secrets

from msgspec import Struct

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.database.preparing import migrate, prepare_database
from kuntavayla.settings import KafkaConnection, Transport
from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.issuer import AUDIENCE
from kuntavayla_sandbox.state import SecretFile

KEY_BYTES = 32


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a service that follows routing-api is told: whose tokens it takes, who it is itself."""

    issuer_url: str
    routing_url: str
    own: Credentials
    kafka: KafkaConnection | None = None


async def prepare_service(
    server: EmbeddedServer, *, database: str, role: str, package: str
) -> None:
    """Create a service's database and role, and bring its tables to the newest migration."""
    await prepare_database(server.url("postgres"), database=database, role=role)
    await migrate(server.url(database), package=package, role=role)


def database_settings(
    prefix: str, server: EmbeddedServer, *, database: str, role: str
) -> dict[str, str]:
    """Return where a service finds its database, as itself and as its owner."""
    return {
        f"{prefix}_DATABASE_URL": server.url(database, role=role),
        f"{prefix}_MIGRATION_DATABASE_URL": server.url(database),
    }


def follower_settings(prefix: str, *, kept: SecretFile, around: Surroundings) -> dict[str, str]:
    """Return the settings of a service that follows routing-api, those of every service among them.

    Its keys are made at the first start and kept with the state.
    """
    return {
        f"{prefix}_ROUTING_URL": around.routing_url,
        f"{prefix}_ROUTING_TOKEN_URL": around.own.token_url,
        f"{prefix}_ROUTING_CLIENT_ID": around.own.client_id,
        f"{prefix}_ROUTING_CLIENT_SECRET": around.own.client_secret,
        **common_settings(prefix, kept=kept, issuer_url=around.issuer_url, kafka=around.kafka),
    }


def make_key() -> str:
    """Draw a key of 32 bytes, as base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def common_settings(
    prefix: str, *, kept: SecretFile, issuer_url: str, kafka: KafkaConnection | None
) -> dict[str, str]:
    """Return the settings of the service with this prefix, for example `ROUTING`.

    Its keys are made at the first start and kept with the state.
    """
    name = prefix.lower()
    settings = {
        "TOKEN_ISSUER": issuer_url,
        "TOKEN_AUDIENCE": AUDIENCE,
        "TOKEN_JWKS_URL": f"{issuer_url}/jwks.json",
        "METRICS_PORT": "0",
        "FINGERPRINT_KEY": kept.keep(f"{name}/fingerprint_key", make=make_key),
        "AUDIT_SIGNING_KEY": f"sandbox-1:{kept.keep(f'{name}/audit_signing_key', make=make_key)}",
    }
    if kafka is not None:
        settings |= {
            "TRANSPORT": Transport.KAFKA,
            "KAFKA_BOOTSTRAP": kafka.bootstrap,
            "KAFKA_SECURITY": kafka.security,
        }
    return {f"{prefix}_{setting}": value for setting, value in settings.items()}
