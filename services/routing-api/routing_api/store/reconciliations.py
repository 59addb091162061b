"""Reconciliations: a case system's list against its clienthoods, and the results by day."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from kuntavayla.database import Connection
from kuntavayla.events import Channel
from routing_api.rules.reconciliations import (
    DIFFERENCES_MAX,
    Claim,
    Compared,
    Counts,
    Difference,
    Reconciliation,
)

EVENTS_OF_CLIENT_MAX = 50
"""Events that a difference names, the newest ones."""
COMPARE = """
WITH theirs AS MATERIALIZED (
    SELECT client_id, version FROM unnest($1::uuid[], $2::int4[]) AS claimed (client_id, version)
), held AS MATERIALIZED (
    SELECT h.client_id, bool_or(t.is_restricted) AS is_restricted,
           max(h.version) FILTER (
               WHERE h.valid_to IS NULL OR h.valid_to >= greatest(h.valid_from, $5::date)
           ) AS version
    FROM clienthoods h
    JOIN transfers t ON t.client_id = h.client_id AND t.clienthood_version = h.version
    WHERE h.case_system_id = $3 AND (NOT t.is_restricted OR $4)
    GROUP BY h.client_id
), coming AS MATERIALIZED (
    SELECT DISTINCT subject FROM outbox
    WHERE recipient = $3 AND channel = ANY($6::text[]) AND position > $7
), differing AS (
    SELECT coalesce(theirs.client_id, held.client_id) AS client_id,
           theirs.version AS their_version, held.version AS our_version,
           held.client_id IS NOT NULL AS was_held,
           coalesce(held.is_restricted, false) AS is_restricted,
           coming.subject IS NOT NULL AS is_coming
    FROM theirs
    FULL JOIN held ON held.client_id = theirs.client_id
    LEFT JOIN coming ON coming.subject = coalesce(theirs.client_id, held.client_id)
    WHERE theirs.version IS DISTINCT FROM held.version
), numbered AS (
    SELECT differing.*, count(*) OVER alike AS alike,
           row_number() OVER (alike ORDER BY client_id) AS place
    FROM differing
    WINDOW alike AS (
        PARTITION BY their_version IS NULL, our_version IS NULL, was_held, is_coming
    )
)
SELECT client_id::text, their_version, our_version, was_held, is_restricted, is_coming, alike
FROM numbered WHERE place <= $8
"""
EVENTS_OF_CLIENTS = """
SELECT subject::text, array_agg(DISTINCT event_id::text) AS event_ids FROM outbox
WHERE recipient = $1 AND channel = ANY($2::text[]) AND subject = ANY($3::uuid[])
GROUP BY subject
"""
STORE = """
INSERT INTO reconciliations (organisation, day, reconciled_at, counts, differences)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organisation, day) DO UPDATE
SET reconciled_at = excluded.reconciled_at, counts = excluded.counts,
    differences = excluded.differences
"""
LIST = """
SELECT organisation, day, reconciled_at, counts, differences FROM reconciliations
WHERE day = $1 AND ($2::text IS NULL OR organisation = $2)
ORDER BY organisation
LIMIT $3
"""
RESULTS_MAX = 1_000
_encode = msgspec.json.encode
_counts = msgspec.json.Decoder(Counts).decode
_differences = msgspec.json.Decoder(list[Difference]).decode


class Scope(Struct, frozen=True, kw_only=True):
    """Whose clients are compared, on which day, and up to where their events were read.

    `read_to` is a position of the outbox, or None where the case system names none.
    """

    case_system_id: str
    today: date
    may_see_restricted: bool
    read_to: int | None

    @property
    def channels(self) -> list[str]:
        """Return the feeds that may be told of."""
        return [*Channel] if self.may_see_restricted else [Channel.COMMON]


async def compare(
    connection: Connection, claims: Sequence[Claim], *, scope: Scope
) -> list[Compared]:
    """Return clients about which the lists differ, the first 1,000 of each sort.

    No client is claimed twice. Each result tells how many are of its sort in all.
    """
    rows: list[Any] = await connection.fetch(
        COMPARE,
        [claim.client_id for claim in claims],
        [claim.clienthood_version for claim in claims],
        scope.case_system_id,
        scope.may_see_restricted,
        scope.today,
        scope.channels,
        scope.read_to,
        DIFFERENCES_MAX,
    )
    return [Compared(**dict(row)) for row in rows]


async def list_events(
    connection: Connection, client_ids: Sequence[str], *, scope: Scope
) -> Mapping[str, Sequence[str]]:
    """Return the newest events about clients that went to the case system, oldest first."""
    if not client_ids:
        return {}
    rows = await connection.fetch(
        EVENTS_OF_CLIENTS, scope.case_system_id, scope.channels, client_ids
    )
    # Ids are of their time, so their order is that of the events.
    return {row["subject"]: sorted(row["event_ids"])[-EVENTS_OF_CLIENT_MAX:] for row in rows}


async def store(connection: Connection, result: Reconciliation) -> None:
    """Keep the result of an organisation and a day in place of an earlier one."""
    await connection.execute(
        STORE,
        result.organisation,
        result.day,
        result.reconciled_at,
        _encode(asdict(result.counts)).decode(),
        _encode(result.differences).decode(),
    )


async def list_results(
    connection: Connection, day: date, *, organisation: str | None
) -> list[Reconciliation]:
    """List the results of a day, of one organisation or of all, in their order."""
    rows = await connection.fetch(LIST, day, organisation, RESULTS_MAX)
    return [
        Reconciliation(
            organisation=row["organisation"],
            day=row["day"],
            reconciled_at=row["reconciled_at"],
            counts=_counts(row["counts"]),
            differences=_differences(row["differences"]),
        )
        for row in rows
    ]
