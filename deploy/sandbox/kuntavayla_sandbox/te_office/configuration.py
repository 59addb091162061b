"""What the process is told at its start."""

from enum import StrEnum

from msgspec import Struct

from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.certificates import Trust
from kuntavayla_sandbox.clock import LegalClock


class Door(StrEnum):
    """How a receiver is reached."""

    PLAIN = "plain"
    """By plain HTTP with a bearer token."""
    CERTIFICATE = "certificate"
    """By TLS with a client's certificate."""
    X_ROAD = "x_road"
    """By TLS with a client's certificate, through a security server of X-Road."""


class Office(Struct, frozen=True, kw_only=True):
    """One receiver, and the identity by which its TE office posts later receipts."""

    receiver_id: str
    credentials: Credentials
    door: Door = Door.PLAIN


class Secured(Struct, frozen=True, kw_only=True):
    """The listener with TLS: its certificates, and the names on X-Road.

    `client` may call the `services`, each of which is a receiver's.
    """

    trust: Trust
    client: str
    services: dict[str, str]


class Issuer(Struct, frozen=True, kw_only=True):
    """Whose tokens are taken, and the organisations that may deliver."""

    issuer: str
    audience: str
    keys_url: str
    senders: tuple[str, ...]


class Configuration(Struct, frozen=True, kw_only=True):
    """The process's configuration line; `relay_url` is where later receipts go.

    Without `secured` there is no listener with TLS.
    """

    relay_url: str
    database_url: str
    clock: LegalClock
    issuer: Issuer
    offices: tuple[Office, ...]
    secured: Secured | None = None
