"""What came of a registration: a decision, made now or before."""

from msgspec import Struct

from kuntavayla.errors import DomainError
from routing_api.rules.decisions import Decision


class Registered(Struct, frozen=True):
    """A registration has its decision; a replay answers with the one that was made first."""

    decision: Decision
    is_replay: bool


Outcome = Registered | DomainError
