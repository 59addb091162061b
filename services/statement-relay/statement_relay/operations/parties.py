"""Whose clients a caller may ask about and read of."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla.values.responsibilities import (
    Responsibility,
    is_restricted,
    responsible_on,
)
from statement_relay.errors import NoSuchClient


class Party(Struct, frozen=True, kw_only=True):
    """A TE office, a case system, or one who may see all; both are None for the latter."""

    te_office_code: str | None = None
    case_system_id: str | None = None
    may_see_restricted: bool = False

    def may_see(self, versions: Sequence[Responsibility]) -> bool:
        """Say whether the caller's token opens the client, who may be restricted."""
        return self.may_see_restricted or not is_restricted(versions)


def require_client(
    versions: Sequence[Responsibility], *, party: Party, today: date
) -> Responsibility:
    """Return who is responsible today for a client of the party's own TE office.

    Raises NoSuchClient alike for a client that is not known, not the office's, or restricted.
    """
    responsible = responsible_on(versions, today)
    if responsible is None or not party.may_see(versions):
        raise NoSuchClient
    if party.te_office_code not in (None, responsible.te_office_code):
        raise NoSuchClient
    return responsible
