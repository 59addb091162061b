"""Who was responsible for a client on a day: the newest version that counts on it."""

from collections.abc import Iterable
from datetime import date
from typing import Literal

from msgspec import Struct

Authority = Literal["municipality", "te_office"]


class Responsibility(Struct, frozen=True, kw_only=True):
    """One version of a client's clienthood, with the TE system's own name for the client."""

    client_id: str
    clienthood_version: int
    authority: Authority
    municipality_code: str | None
    area_code: str | None
    case_system_id: str | None
    te_office_code: str
    source_system: str | None
    source_client_number: str | None
    valid_from: date
    valid_to: date | None
    is_restricted: bool

    def counts_on(self, day: date) -> bool:
        """Say whether the version may count on a day; a newer one may still take its place."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def responsible_on(versions: Iterable[Responsibility], day: date) -> Responsibility | None:
    """Return the newest version that counts on a day; None where nobody's clienthood does."""
    counting = (version for version in versions if version.counts_on(day))
    return max(counting, key=lambda version: version.clienthood_version, default=None)
