"""Clients as their authorities see them: look-up, history, the snapshot of a case system."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.feed import Cursor, load_cursor
from routing_api.errors import ClientNotFound
from routing_api.operations.effects import line_of
from routing_api.operations.law import Law
from routing_api.operations.moments import Call, Moment
from routing_api.operations.transfers import Party
from routing_api.rules.clienthoods import ClientState, Responsible
from routing_api.store import clients
from routing_api.store.clients import Clienthood, HeldClienthood


class ClientHistory(Struct, frozen=True):
    """A client's current state and all clienthoods, oldest first."""

    state: ClientState
    clienthoods: Sequence[Clienthood]

    def responsible_on(self, day: date) -> Responsible:
        """Return who is responsible on a day; before the first clienthood it is the TE office."""
        for clienthood in reversed(self.clienthoods):
            if clienthood.holds_on(day):
                return clienthood.responsible
        return Responsible("te_office", self.state.responsible.te_office_code)


class Snapshot(Struct, frozen=True):
    """A page of a case system's clienthoods, and the cursor from which its feed goes on."""

    clienthoods: Sequence[HeldClienthood]
    feed_cursor: Cursor


async def load_history(
    connection: Connection, client_id: str | None, *, party: Party, call: Call, moment: Moment
) -> ClientHistory | ClientNotFound:
    """Return a client's history to the authority concerned, or the refusal; either is audited."""
    state = await clients.find_state(connection, client_id) if client_id else None
    is_seen = state is not None and _sees(party, state)
    line = line_of(
        call,
        action="client.read",
        outcome="disclosed" if is_seen else "refused",
        moment=moment,
        client_id=client_id if state is not None else None,
        resource_id=client_id,
    )
    await audit.append(connection, [line])
    if state is None or not is_seen:
        return ClientNotFound()
    return ClientHistory(state, await clients.list_history(connection, state.client_id))


async def look_up(
    connection: Connection,
    identity_code: str,
    *,
    party: Party,
    call: Call,
    law: Law,
    moment: Moment,
) -> ClientHistory | ClientNotFound:
    """Return the history of the client with an identity code, or the refusal; either is audited."""
    lookup, _ = law.vault.lookups(identity_code)
    client_id = await clients.find_by_lookup(connection, lookup)
    return await load_history(connection, client_id, party=party, call=call, moment=moment)


async def load_snapshot(
    connection: Connection, party: Party, *, on: date | None, after: str, limit: int
) -> Snapshot:
    """Return the clienthoods that a case system holds on a day, or all that have not ended.

    The cursor is read before them, so that the feed repeats rather than skips.
    """
    assert party.case_system_id is not None, "only a case system has a snapshot"
    cursor = await load_cursor(connection, "now")
    held = await clients.list_held(
        connection,
        party.case_system_id,
        on=on,
        after=after,
        may_see_restricted=party.may_see_restricted,
        limit=limit,
    )
    return Snapshot(held, cursor)


def _sees(party: Party, state: ClientState) -> bool:
    return (
        party.case_system_id in (None, state.responsible.case_system_id)
        and party.te_office_code in (None, state.responsible.te_office_code)
        and (party.may_see_restricted or not state.is_restricted)
    )
