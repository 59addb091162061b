"""What the process is told at its start."""

from enum import StrEnum

from msgspec import Struct

from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.clock import LegalClock


class Work(StrEnum):
    """How far the case systems go with an event."""

    EFFECTS = "effects"
    """They store its effect and stop there: what a bench of the feed measures."""
    PERSONS = "persons"
    """They also fetch the person, and leave it to another to say that a client is taken over."""
    ALL = "all"
    """They also fetch the person and take the client over."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """One case system: its id in the register, where its clients are met, and its identity.

    `municipality_code` is one of those that it serves: the one for which its import acts.
    `work` is how far it goes where that differs from the process.
    """

    case_system_id: str
    municipality_code: str
    contact_point: str
    credentials: Credentials
    work: Work | None = None


class Configuration(Struct, frozen=True, kw_only=True):
    """The process's configuration line; with `kafka` common events are read from the broker.

    Without `relay_url` there is no relay, and nothing is told to the TE offices.
    """

    routing_url: str
    database_url: str
    clock: LegalClock
    work: Work
    endpoints: tuple[Endpoint, ...]
    kafka: KafkaConnection | None = None
    relay_url: str | None = None
