"""Personal data to those who may read it, each disclosure audited; and who was told what.

A case system asks by transfer, and only the responsible one is told.
"""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.audit import StoredLine
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of
from routing_api.errors import ClientNotFound, TransferNotFound
from routing_api.operations.law import Law
from routing_api.operations.profiles import Profile, decode
from routing_api.operations.transfers import Party
from routing_api.store import clients, transfers
from routing_api.store.transfers import Disclosable

ACTION = "person.fetch"
DISCLOSING = (ACTION, "client.read", "registration.read", "decision.read", "review.read")
"""The acts whose answer holds data about one client; lists are on record without clients."""


class Disclosure(Struct, frozen=True):
    """What one case system is told about one person."""

    disclosure_id: str
    transfer_id: str
    client_id: str
    clienthood_version: int
    identity_code: str
    profile: Profile


class DisclosureQuery(Struct, frozen=True):
    """Whose disclosures are asked for, and which page of them."""

    client_id: str
    after: int
    limit: int


Permitted = Disclosable | DomainError
"""What may be told by one transfer, still sealed, or why not."""
Outcome = Disclosure | DomainError


async def permit(
    connection: Connection,
    transfer_ids: Sequence[str],
    *,
    party: Party,
    call: Call,
    moment: Moment,
) -> list[Permitted]:
    """Return per transfer, in order, what the party may be told, or a refusal.

    A transfer of another case system is like an unknown one. Takes no locks; writes a line of the
    audit for each, disclosed or refused. What is returned may be opened once they have committed.
    """
    known = await _load_known(connection, transfer_ids, party=party, today=moment.today)
    permitted = {
        transfer_id: found
        for transfer_id, found in known.items()
        if found.profile_ciphertext is not None
    }
    refused = [transfer_id for transfer_id in transfer_ids if transfer_id not in permitted]
    # Whose data a refused caller asked for stands in the audit, though not in the answer.
    asked = await transfers.find_clients(connection, refused)
    client_of = {**asked, **{place: one.client_id for place, one in permitted.items()}}
    lines = [
        line_of(
            call,
            action=ACTION,
            outcome="disclosed" if transfer_id in permitted else "refused",
            moment=moment,
            client_id=client_of.get(transfer_id),
            resource_id=transfer_id,
        )
        for transfer_id in transfer_ids
    ]
    await audit.append(connection, lines)
    return [permitted.get(transfer_id) or TransferNotFound() for transfer_id in transfer_ids]


def disclose(permitted: Sequence[Permitted], *, law: Law, moment: Moment) -> list[Outcome]:
    """Open what was permitted, in order; needs no connection, so none waits for it.

    Call it after the transaction of `permit`: nothing is told before its line stands.
    """
    return [
        item if isinstance(item, DomainError) else _opened(item, law=law, moment=moment)
        for item in permitted
    ]


async def _load_known(
    connection: Connection, transfer_ids: Sequence[str], *, party: Party, today: date
) -> dict[str, Disclosable]:
    assert party.case_system_id is not None, "only a case system fetches persons"
    return await transfers.load_disclosable(
        connection,
        transfer_ids,
        case_system_id=party.case_system_id,
        may_see_restricted=party.may_see_restricted,
        today=today,
    )


def _opened(found: Disclosable, *, law: Law, moment: Moment) -> Disclosure:
    assert found.profile_ciphertext is not None
    assert found.profile_key_id is not None
    identity_code = law.vault.open(
        found.identity_ciphertext, key_id=found.identity_key_id, belongs_to=found.client_id
    )
    profile = law.vault.open(
        found.profile_ciphertext, key_id=found.profile_key_id, belongs_to=found.registration_id
    )
    return Disclosure(
        moment.new_id(),
        found.transfer_id,
        found.client_id,
        found.clienthood_version,
        identity_code.decode(),
        decode(profile),
    )


async def list_of_client(
    connection: Connection,
    query: DisclosureQuery,
    *,
    party: Party,
    call: Call,
    moment: Moment,
) -> list[StoredLine] | ClientNotFound:
    """List who was told about a client, oldest first, or the refusal; either is audited.

    A client with a security ban is unknown to a party that may not see such clients: who was told
    of them says where they live.
    """
    client_id = query.client_id
    state = await clients.find_state(connection, client_id)
    is_seen = state is not None and (party.may_see_restricted or not state.is_restricted)
    line = line_of(
        call,
        action="disclosure.listed",
        outcome="disclosed" if is_seen else "refused",
        moment=moment,
        client_id=client_id if state is not None else None,
        resource_id=client_id,
    )
    await audit.append(connection, [line])
    if not is_seen:
        return ClientNotFound()
    return await audit.list_disclosures(
        connection, client_id, actions=DISCLOSING, after=query.after, limit=query.limit
    )
