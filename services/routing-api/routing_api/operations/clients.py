"""Clients as their authorities see them: look-up, history, the snapshot of a case system."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from kuntavayla import audit
from kuntavayla.database import Connection
from kuntavayla.feed import Cursor, load_cursor
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.operations.witnessing import line_of
from routing_api.errors import ClientNotFound
from routing_api.operations.law import Law
from routing_api.operations.transfers import Party
from routing_api.rules.clienthoods import ClientState, Responsible
from routing_api.store import clients
from routing_api.store.clients import Clienthood, HeldClienthood, HeldQuery


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
    history = await _history_of(connection, state, party=party, today=moment.today)
    line = line_of(
        call,
        action="client.read",
        outcome="disclosed" if history else "refused",
        moment=moment,
        client_id=client_id if state is not None else None,
        resource_id=client_id,
    )
    await audit.append(connection, [line])
    return history or ClientNotFound()


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
    found = await clients.find_by_lookups(connection, law.vault.lookups(identity_code).a)
    client_id = next(iter(found.values()), None)
    return await load_history(connection, client_id, party=party, call=call, moment=moment)


async def load_snapshot(
    connection: Connection,
    party: Party,
    *,
    on: date | None,
    today: date,
    after: str,
    limit: int,
) -> Snapshot:
    """Return the clienthoods that a case system holds on a day, or all not ended by today.

    The cursor is read before them, so that the feed repeats rather than skips.
    """
    assert party.case_system_id is not None, "only a case system has a snapshot"
    cursor = await load_cursor(connection, "now")
    query = HeldQuery(
        case_system_id=party.case_system_id,
        on=on,
        today=today,
        may_see_restricted=party.may_see_restricted,
    )
    held = await clients.list_held(connection, query, after=after, limit=limit)
    return Snapshot(held, cursor)


async def _history_of(
    connection: Connection, state: ClientState | None, *, party: Party, today: date
) -> ClientHistory | None:
    """Return a client's history to a party that is responsible today or will be, else None."""
    if state is None or (state.is_restricted and not party.may_see_restricted):
        return None
    clienthoods = await clients.list_history(connection, state.client_id)
    held = [one.responsible for one in clienthoods if one.holds_on_or_after(today)]
    is_seen = any(party.is_of(responsible) for responsible in (state.responsible, *held))
    return ClientHistory(state, clienthoods) if is_seen else None
