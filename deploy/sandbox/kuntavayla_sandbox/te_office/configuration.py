"""What the process is told at its start."""

from msgspec import Struct

from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.clock import LegalClock


class Office(Struct, frozen=True, kw_only=True):
    """One receiver, and the identity by which its TE office posts later receipts."""

    receiver_id: str
    credentials: Credentials


class Issuer(Struct, frozen=True, kw_only=True):
    """Whose tokens are taken, and the organisations that may deliver."""

    issuer: str
    audience: str
    keys_url: str
    senders: tuple[str, ...]


class Configuration(Struct, frozen=True, kw_only=True):
    """The process's configuration line; `relay_url` is where later receipts go."""

    relay_url: str
    database_url: str
    clock: LegalClock
    issuer: Issuer
    offices: tuple[Office, ...]
