"""What the stack prepares for statement-relay: its database, its settings, its receivers' file."""

import json
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla_sandbox import routing_service
from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.certificates import Trust
from kuntavayla_sandbox.service_settings import (
    Surroundings,
    database_settings,
    follower_settings,
    make_key,
    prepare_service,
)
from kuntavayla_sandbox.state import SecretFile, write_private
from kuntavayla_sandbox.te_office import starting as te_office

NAME = "statement-relay"
MODULE = "kuntavayla_sandbox.relay_process"
PATH = "/relay/v1"
COMMANDS = "statement_relay.cli"
"""The module of the service's own command line."""
DATABASE = "statement_relay"
ROLE = "statement_relay"


def environment(
    server: EmbeddedServer, *, kept: SecretFile, around: Surroundings, receivers_file: Path
) -> dict[str, str]:
    """Return the service's settings.

    Its keys are made at the first start and kept with the state.
    """
    return {
        **database_settings("RELAY", server, database=DATABASE, role=ROLE),
        "RELAY_CONTENT_KEYS": f"sandbox-1:{kept.keep('relay/content_key', make=make_key)}",
        "RELAY_RECEIVERS_FILE": str(receivers_file),
        "RELAY_REPORT_AHEAD_S_MAX": str(routing_service.REPORT_AHEAD_S_MAX),
        **follower_settings("RELAY", kept=kept, around=around),
    }


async def prepare(server: EmbeddedServer) -> None:
    """Create the service's database and role, and bring its tables to the newest migration."""
    await prepare_service(server, database=DATABASE, role=ROLE, package="statement_relay")


class SecuredSimulator(Struct, frozen=True):
    """Where the simulator serves by TLS, and the certificates on both sides."""

    url: str
    trust: Trust


def write_receivers(
    path: Path,
    *,
    simulator_url: str,
    secured: SecuredSimulator | None = None,
    own: Credentials,
    given: Mapping[str, str],
) -> None:
    """Write where the receivers are: the simulator, but for those that are somebody's own.

    They take a token of the stack's issuer, but where the simulator is `secured` for one by
    certificate and one through X-Road. The file holds the relay's secret.
    """
    # A JSON text of ASCII is a TOML string.
    lines = [
        "[default]",
        f"url = {json.dumps(simulator_url + '/{receiver_id}')}",
        "[default.oauth2]",
        f"token_url = {json.dumps(own.token_url)}",
        f"client_id = {json.dumps(own.client_id)}",
        f"client_secret = {json.dumps(own.client_secret)}",
    ]
    for receiver_id, url in sorted(given.items()):
        lines += [f"[receivers.{receiver_id}]", f"url = {json.dumps(url)}"]
    if secured is not None:
        for receiver_id in sorted(te_office.DOORS.keys() - given.keys()):
            lines += _behind_tls(receiver_id, secured)
    write_private(path, "\n".join(lines).encode() + b"\n")


def _behind_tls(receiver_id: str, secured: SecuredSimulator) -> list[str]:
    """Return the table of a receiver that is reached by TLS with our certificate."""
    trust = secured.trust
    lines = [
        f"[receivers.{receiver_id}]",
        "oauth2 = false",
        f"authorities_file = {json.dumps(trust.authorities_file)}",
        f"mtls.certificate_file = {json.dumps(trust.client.certificate_file)}",
        f"mtls.key_file = {json.dumps(trust.client.key_file)}",
    ]
    services = {name: service for service, name in te_office.X_ROAD_SERVICES.items()}
    if receiver_id not in services:
        return [*lines, f"url = {json.dumps(f'{secured.url}/{receiver_id}')}"]
    return [
        *lines,
        f"url = {json.dumps(secured.url)}",
        'adapter = "xroad"',
        f"xroad.client = {json.dumps(te_office.X_ROAD_CLIENT)}",
        f"xroad.service = {json.dumps(services[receiver_id])}",
    ]
