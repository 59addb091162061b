"""What routing-api tells the relay meanwhile: who is known by now, and bans set and lifted.

The events are written to the outbox of a routing-api that runs; the relay reads them by its feeds
and, where there is a broker, by its topic.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime

from msgspec import Struct

from kuntavayla import outbox
from kuntavayla.database import AWAY
from kuntavayla.events import Channel, EventDraft, Origin, new_ids_at
from routing_api.events import SOURCE, ResponsibilityChangedV1
from tests.faults.postgres import ROUTING
from tests.faults.relay_items import Client
from tests.faults.relay_site import OPENING, RELAY, RelaySite
from tests.faults.waiting import until

KNOWN_S_MAX = 150
PAUSE_S_MAX = 1.5
BANNED_S_MAX = 6.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KNOWN = """
SELECT count(*) FROM responsibilities WHERE client_id = $1::uuid AND is_restricted = $2
"""
SINCE = "SELECT count(*) FROM outbox WHERE position > $1 AND subject = $2"
HEAD = "SELECT position FROM outbox_head"


class Window(Struct, frozen=True):
    """In which feed a client's events are, behind a position and up to another one."""

    behind: int
    to: int | None
    channel: Channel


class Told:
    """Tells of clients one after the other, and keeps what that means for their events."""

    def __init__(self, site: RelaySite, rng: random.Random) -> None:
        self._site = site
        self._rng = rng
        self.windows: dict[str, list[Window]] = defaultdict(list)
        self.known = self.bans = 0

    async def make_known(self, clients: Sequence[Client]) -> None:
        """Let clients become known of whom items wait already."""
        for client in clients:
            await asyncio.sleep(self._rng.uniform(0, PAUSE_S_MAX))
            await self._change(client, Channel.COMMON, before=Channel.RESTRICTED)
            self.known += 1

    async def ban(self, clients: Sequence[Client]) -> None:
        """Set a ban on each client for a while."""
        for client in clients:
            await asyncio.sleep(self._rng.uniform(0, PAUSE_S_MAX))
            await self._change(client, Channel.RESTRICTED, before=Channel.COMMON)
            await self._told_of(client)
            await self._change(client, Channel.COMMON, before=Channel.RESTRICTED)
            self.bans += 1

    async def _told_of(self, client: Client) -> None:
        """Return when something was told of the client in the feed that applies, or not in time."""
        behind = self.windows[client.client_id][-1].behind

        async def is_told() -> bool:
            count = await self._site.postgres.count(RELAY, SINCE, behind, client.client_id)
            return count > 0

        with suppress(TimeoutError):
            await until(is_told, within_s=BANNED_S_MAX, poll_s=0.1)

    async def _change(self, client: Client, channel: Channel, *, before: Channel) -> None:
        """Tell that a client's events go to this feed, and wait until the relay knows."""
        windows, postgres = self.windows[client.client_id], self._site.postgres
        behind = windows.pop().behind if windows else 0
        windows.append(Window(behind, await postgres.count(RELAY, HEAD), before))
        await self._tell(client, channel)

        async def is_known() -> bool:
            is_restricted = channel is Channel.RESTRICTED
            return await postgres.count(RELAY, KNOWN, client.client_id, is_restricted) == 1

        await until(is_known, within_s=KNOWN_S_MAX, poll_s=0.05)
        windows.append(Window(await postgres.count(RELAY, HEAD), None, channel))

    async def _tell(self, client: Client, channel: Channel) -> None:
        """Write the event; one whose commit nobody saw is written again, and tells the same."""

        async def is_told() -> bool:
            try:
                async with (
                    self._site.postgres.session(ROUTING) as connection,
                    connection.transaction(),
                ):
                    await outbox.append(connection, [_draft(client, channel)], origin=_origin())
            except AWAY:
                return False
            return True

        await until(is_told, within_s=KNOWN_S_MAX, poll_s=0.1)


def _origin() -> Origin:
    return Origin(source=SOURCE, at_text=f"{OPENING:%Y-%m-%dT%H:%M:%S.000Z}")


def _draft(client: Client, channel: Channel) -> EventDraft:
    new_id = new_ids_at(datetime.now(UTC))
    return EventDraft(
        event_id=new_id(),
        type_name=ResponsibilityChangedV1.type_name,
        version=1,
        subject=client.client_id,
        recipient="internal",
        channel=channel,
        causation_id=new_id(),
        traceparent=TRACE,
        data=ResponsibilityChangedV1(
            client_id=client.client_id,
            clienthood_version=1,
            authority="municipality",
            municipality_code=client.municipality_code,
            area_code="kainuu",
            case_system_id=client.case_system_id,
            te_office_code=client.receiver_id,
            source_system="ura",
            source_client_number=client.client_number,
            valid_from=date(2021, 3, 1),
            valid_to=None,
        ),
    )
