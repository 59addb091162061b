"""Settings that every service of the stack is given alike: tokens, keys, the way events travel."""

import base64
import secrets

from kuntavayla.settings import KafkaConnection, Transport
from kuntavayla_sandbox.issuer import AUDIENCE
from kuntavayla_sandbox.state import SecretFile

KEY_BYTES = 32


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
