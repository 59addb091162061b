"""What every part of a local stack stands on: its directory, its server, its clock, its addresses.

What belongs here: values that are fixed before the first process starts. Starting is `stack`'s
business.
"""

from datetime import date, datetime
from socket import socket

from msgspec import Struct

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox import quota_service, relay_service, routing_service
from kuntavayla_sandbox.certificates import Trust
from kuntavayla_sandbox.clock import LegalClock, write_reached
from kuntavayla_sandbox.serving import address_of
from kuntavayla_sandbox.state import SecretFile, StateDirectory


class Ground(Struct, frozen=True, kw_only=True):
    """What every part of the stack stands on."""

    state: StateDirectory
    server: EmbeddedServer
    clock: LegalClock
    legal_date: date
    kept: SecretFile
    kafka: KafkaConnection | None
    kafka_pid: int | None
    has_begun: bool
    trust: Trust


def keep_clock(ground: Ground, *, reached_at: datetime) -> None:
    """Write down how far the legal clock has come."""
    write_reached(ground.state.clock_file, legal_date=ground.legal_date, reached_at=reached_at)


class Sockets(Struct, frozen=True, kw_only=True):
    """The sockets that the parts of the stack listen on."""

    issuer: socket
    routing: socket
    relay: socket
    quota: socket
    te_office: socket
    te_office_secured: socket
    case_systems: socket


class Addresses(Struct, frozen=True, kw_only=True):
    """Where the parts of the stack listen."""

    issuer: str
    routing: str
    relay: str
    quota: str
    te_office: str
    te_office_secured: str
    case_systems: str

    @property
    def routing_url(self) -> str:
        """Return where routing-api's calls begin."""
        return self.routing + routing_service.PATH

    @property
    def relay_url(self) -> str:
        """Return where statement-relay's calls begin."""
        return self.relay + relay_service.PATH

    @property
    def quota_url(self) -> str:
        """Return where quota-ledger's calls begin."""
        return self.quota + quota_service.PATH

    @property
    def token_url(self) -> str:
        """Return where identities get tokens."""
        return f"{self.issuer}/token"


def addresses_of(sockets: Sockets) -> Addresses:
    """Return the addresses of bound sockets."""
    return Addresses(
        issuer=address_of(sockets.issuer),
        routing=address_of(sockets.routing),
        relay=address_of(sockets.relay),
        quota=address_of(sockets.quota),
        te_office=address_of(sockets.te_office),
        te_office_secured=address_of(sockets.te_office_secured, scheme="https"),
        case_systems=address_of(sockets.case_systems),
    )
