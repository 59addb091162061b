"""Who was responsible for a client on a day, and how the TE system names the client."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct

Authority = Literal["municipality", "te_office"]


class Responsibility(Struct, frozen=True):
    """One version of a client's clienthood; `sequence` orders what was told of the client.

    `source_system` and `source_client_number` are the TE system's own name for the client.
    """

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
    sequence: str

    def counts_on(self, day: date) -> bool:
        """Say whether the version may count on a day; a newer one may still take its place."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class ClientName(Struct, frozen=True):
    """How a receiver knows the client: our pseudonym, and the TE system's own number."""

    client_id: str
    source_system: str | None
    client_number: str | None


def responsible_on(versions: Sequence[Responsibility], day: date) -> Responsibility | None:
    """Return the newest version that counts on a day; None where nobody's clienthood does."""
    counting = (version for version in versions if version.counts_on(day))
    return max(counting, key=lambda version: version.clienthood_version, default=None)


def told_in_order(told: Sequence[Responsibility]) -> list[Responsibility]:
    """Return each version as it was told last, by the order of the events."""
    in_order = sorted(told, key=lambda one: one.sequence)
    return list({(one.client_id, one.clienthood_version): one for one in in_order}.values())


def is_restricted(versions: Sequence[Responsibility]) -> bool:
    """Say whether the client's events go over the restricted feed, by what was told last."""
    return _told_last(versions).is_restricted


def name_of(versions: Sequence[Responsibility]) -> ClientName:
    """Return the newest name that the TE system gave the client, also where a later one gave none.

    There is at least one version.
    """
    named = [version for version in versions if version.source_client_number is not None]
    newest = _told_last(named or versions)
    return ClientName(newest.client_id, newest.source_system, newest.source_client_number)


def _told_last(versions: Sequence[Responsibility]) -> Responsibility:
    return max(versions, key=lambda version: version.sequence)
