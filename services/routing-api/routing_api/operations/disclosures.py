"""Personal data to those who may read it, each disclosure audited.

A case system asks by transfer, and only the responsible one is told.
"""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from routing_api.errors import TransferNotFound
from routing_api.operations.effects import line_of
from routing_api.operations.law import Law
from routing_api.operations.moments import Call, Moment
from routing_api.operations.profiles import Profile, decode
from routing_api.operations.transfers import Party
from routing_api.store import transfers
from routing_api.store.transfers import Disclosable

ACTION = "person.fetch"


class Disclosure(Struct, frozen=True):
    """What one case system is told about one person."""

    disclosure_id: str
    transfer_id: str
    client_id: str
    clienthood_version: int
    identity_code: str
    profile: Profile


Outcome = Disclosure | DomainError


async def fetch_persons(
    connection: Connection,
    transfer_ids: Sequence[str],
    *,
    party: Party,
    call: Call,
    law: Law,
    moment: Moment,
) -> list[Outcome]:
    """Return one disclosure or refusal per transfer, in order.

    A transfer of another case system is like an unknown one. Takes no locks; each line of the
    audit, disclosed or refused, commits before the answer leaves.
    """
    known = await _load_known(connection, transfer_ids, party=party, today=moment.today)
    disclosed = {
        transfer_id: _disclose(found, law=law, moment=moment)
        for transfer_id, found in known.items()
        if found.profile_ciphertext is not None
    }
    refused = [transfer_id for transfer_id in transfer_ids if transfer_id not in disclosed]
    # Whose data a refused caller asked for stands in the audit, though not in the answer.
    asked = await transfers.find_clients(connection, refused)
    clients = {**asked, **{place: one.client_id for place, one in disclosed.items()}}
    lines = [
        line_of(
            call,
            action=ACTION,
            outcome="disclosed" if transfer_id in disclosed else "refused",
            moment=moment,
            client_id=clients.get(transfer_id),
            resource_id=transfer_id,
        )
        for transfer_id in transfer_ids
    ]
    await audit.append(connection, lines)
    return [disclosed.get(transfer_id) or TransferNotFound() for transfer_id in transfer_ids]


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


def _disclose(found: Disclosable, *, law: Law, moment: Moment) -> Disclosure:
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
