"""What a batch of decisions writes: gathered in memory, written at its end, all at once."""

from datetime import date, datetime

from msgspec import field
from msgspec.structs import replace

from kuntavayla import outbox
from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.gathering import Gathered
from routing_api.rules.clienthoods import ClientState
from routing_api.rules.decisions import Decision
from routing_api.rules.reviews import Review
from routing_api.rules.transfers import Transfer
from routing_api.store import appending, clients, registrations, reviews, transfers
from routing_api.store.appending import Additions
from routing_api.store.clients import Clienthood, EndedClienthood, NewClient
from routing_api.store.registrations import StoredRegistration
from routing_api.store.reviews import Closing


class Effects(Gathered):
    """Rows and events of one batch, in the order in which they were decided."""

    new_clients: dict[str, NewClient] = field(default_factory=dict)
    changed_clients: dict[str, ClientState] = field(default_factory=dict)
    registrations: list[StoredRegistration] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    clienthoods: dict[tuple[str, int], Clienthood] = field(default_factory=dict)
    ended_clienthoods: list[EndedClienthood] = field(default_factory=list)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    withdrawn_transfers: dict[str, date] = field(default_factory=dict)
    refreshed_transfers: dict[str, tuple[str, bool, str]] = field(default_factory=dict)
    erased_profiles: list[str] = field(default_factory=list)
    changed_channels: dict[str, bool] = field(default_factory=dict)
    reviews: dict[str, Review] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)

    def keep_client(self, state: ClientState) -> None:
        """Remember a client's newest state."""
        new = self.new_clients.get(state.client_id)
        if new is None:
            self.changed_clients[state.client_id] = state
        else:
            self.new_clients[state.client_id] = replace(new, state=state)

    def keep_new_client(self, client: NewClient) -> None:
        """Remember a client not known before, with the state that `keep_client` was given."""
        self.changed_clients.pop(client.state.client_id, None)
        self.new_clients[client.state.client_id] = client

    def end_clienthood(self, end: EndedClienthood) -> None:
        """End a version, stored or begun in this batch."""
        place = (end.client_id, end.version)
        begun = self.clienthoods.get(place)
        if begun is None:
            self.ended_clienthoods.append(end)
        else:
            self.clienthoods[place] = replace(begun, valid_to=end.valid_to)

    def withdraw_transfer(self, transfer_id: str, *, ends_on: date) -> None:
        """Withdraw a transfer, stored or offered in this batch."""
        offered = self.transfers.get(transfer_id)
        if offered is None:
            self.withdrawn_transfers[transfer_id] = ends_on
        else:
            self.transfers[transfer_id] = replace(offered, state="withdrawn", ends_on=ends_on)

    def close_review(self, closing: Closing, *, at: datetime) -> None:
        """Close a review, stored or opened in this batch."""
        opened = self.reviews.get(closing.review_id)
        if opened is None:
            self.closings.append(closing)
        else:
            self.reviews[closing.review_id] = replace(
                opened,
                state=closing.state,
                version=opened.version + 1,
                resolved_at=at,
                outcome=closing.outcome,
                resolution_reason=closing.resolution_reason,
                resolving_decision_id=closing.decision_id,
            )

    async def write(self, connection: Connection, *, moment: Moment) -> None:
        """Write everything; the outbox last, because no lock is taken after its head.

        What stands is ended before what begins is added: a client has one of each at a time, and
        the database looks at every statement.

        Raises LostRace where another transaction stored one of the new clients first.
        """
        await self._end_standing(connection, at=moment.now)
        await appending.append(connection, self._additions())
        await self._change_standing(connection)
        await outbox.append(connection, self.events, origin=moment.origin)

    async def _end_standing(self, connection: Connection, *, at: datetime) -> None:
        """Lock the stored transfers that are changed; end what the batch ends."""
        await transfers.lock_for_change(
            connection,
            {*self.refreshed_transfers, *self.withdrawn_transfers},
            of_clients=self.changed_channels,
        )
        await clients.end_clienthoods(connection, self.ended_clienthoods)
        await transfers.withdraw(connection, self.withdrawn_transfers)
        await reviews.close_reviews(connection, self.closings, at=at)

    def _additions(self) -> Additions:
        """Return what is added, new clients in the order in which their look-ups are taken."""
        new = sorted(self.new_clients.values(), key=lambda client: client.lookup_a)
        return Additions(
            clients=new,
            registrations=self.registrations,
            decisions=self.decisions,
            clienthoods=list(self.clienthoods.values()),
            transfers=list(self.transfers.values()),
            reviews=list(self.reviews.values()),
            audit=self.audit,
        )

    async def _change_standing(self, connection: Connection) -> None:
        """Write what goes on in another form; rows that the batch has added are among them."""
        await clients.update_clients(connection, list(self.changed_clients.values()))
        await registrations.erase_profiles(connection, self.erased_profiles)
        await transfers.refresh(connection, list(self.refreshed_transfers.values()))
        await transfers.change_channels(connection, self.changed_channels)
        await reviews.change_channels(connection, self.changed_channels)
