"""What an acceptance says: the answer to the first call, and so to every repeat of it."""

from datetime import datetime

from msgspec import Struct

from statement_relay.rules.issuers import Issuer
from statement_relay.rules.states import AcceptedState


class Accepted(Struct, frozen=True, kw_only=True):
    """An item was taken in: who issues the statement, and where the item stood then."""

    information_id: str
    municipal_id: str
    state: AcceptedState
    issuer: Issuer | None
    receiver_id: str | None
    deliver_by_at: datetime | None
    waiting_behind: str | None
    digest: str | None
    is_replay: bool
