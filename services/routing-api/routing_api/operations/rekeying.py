"""Look-ups of identity codes brought under the key in use, batch by batch, while the service runs.

While one column is brought over, the other is complete under one key, and the database tells
persons apart by it. A batch is done as a whole or not at all, so a run that was cut off is simply
begun again.
"""

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from kuntavayla.values.officials import ActingOfficial
from routing_api.operations.vault import IdentityVault
from routing_api.store import lookups
from routing_api.store.lookups import LookupColumn, Replacement, SealedIdentity


class Found(Struct, frozen=True, kw_only=True):
    """What a batch of clients holds: look-ups of older keys, and how many no key of ours makes."""

    outdated: dict[LookupColumn, list[Replacement]]
    unknown: dict[LookupColumn, int]
    count: int
    last_client_id: str


async def find_outdated(
    connection: Connection, vault: IdentityVault, *, after: str, limit: int
) -> Found | None:
    """Look at the clients behind the id `after`; None where there are none."""
    sealed = await lookups.list_sealed(connection, after=after, limit=limit)
    if not sealed:
        return None
    found = Found(
        outdated={column: [] for column in LookupColumn},
        unknown=dict.fromkeys(LookupColumn, 0),
        count=len(sealed),
        last_client_id=sealed[-1].client_id,
    )
    for item in sealed:
        _look_at(item, vault, found)
    return found


def _look_at(item: SealedIdentity, vault: IdentityVault, found: Found) -> None:
    code = vault.open(
        item.identity_ciphertext, key_id=item.identity_key_id, belongs_to=item.client_id
    )
    made = vault.lookups(code.decode())
    for column, stored, by_key in (
        (LookupColumn.A, item.lookup_a, made.a),
        (LookupColumn.B, item.lookup_b, made.b),
    ):
        if stored not in by_key:
            found.unknown[column] += 1
        elif stored != by_key[0]:
            found.outdated[column].append(Replacement(item.client_id, stored, by_key[0]))


async def bring_over(connection: Connection, found: Found) -> None:
    """Bring a batch's outdated look-ups under the key in use; locks the clients in their order."""
    for column, outdated in found.outdated.items():
        if outdated:
            await lookups.replace_lookups(connection, column, outdated)


async def witness_rotation(
    connection: Connection, *, official: ActingOfficial, organisation: str, moment: Moment
) -> None:
    """Put on record who lets the identity codes of all clients be opened, before any is."""
    line = AuditLine(
        recorded_at=moment.now,
        organisation=organisation,
        official_id=official.official_id,
        official_role=official.role,
        action="lookup_keys.rotated",
        outcome="begun",
        request_id=moment.new_id(),
    )
    await audit.append(connection, [line])
