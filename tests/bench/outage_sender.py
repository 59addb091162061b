"""Case systems of the row relay-outage: an open loop over HTTP, one call a client at a time."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import aiohttp
import httpx
import msgspec
from msgspec import Struct, field

from tests.faults.relay_items import Action, Client, Sent, life
from tests.faults.relay_sender import call_of

ACTIONS: Mapping[Action, int] = {"new": 91, "correct": 6, "withdraw": 3}
"""Twice as many corrections and withdrawals as the demo's week has."""
ANSWER_S_MAX = 60
CONNECTIONS_MAX = 200
"""Calls under way at once; aiohttp's client, because httpx's takes ever longer where more wait."""
_decode = msgspec.json.Decoder(dict[str, object]).decode


class Lane(Struct):
    """What goes to one receiver: how many items a second, of which clients, as whom."""

    organisation: str
    rate: float
    clients: Sequence[Client]
    lives: asyncio.Queue[Iterator[Sent]] = field(default_factory=asyncio.Queue)
    """The lives of clients of whom no call is under way; whose turn is longest ago comes first."""


class Sending(Struct, frozen=True):
    """When something was to be sent and when it was answered, in seconds since the epoch."""

    planned_at_s: float
    answered_at_s: float


class OpenLoop:
    """Sends at planned times whatever the service does, until told to finish.

    Nothing is sent twice: whatever is not answered 201 is a complaint.
    """

    def __init__(
        self, url: str, *, authorization: Callable[[str], str], rng: random.Random
    ) -> None:
        self._url = url
        self._authorization = authorization
        self._rng = rng
        self._is_finishing = asyncio.Event()
        self.sent: dict[str, Sent] = {}
        self.sendings: dict[str, Sending] = {}
        self.complaints: list[str] = []
        self.late_s = 0.0

    async def run(self, lanes: Sequence[Lane]) -> None:
        """Send on all lanes until `finish` was called and everything is answered."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
        timeout = aiohttp.ClientTimeout(total=None, sock_read=ANSWER_S_MAX)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as client,
            asyncio.TaskGroup() as group,
        ):
            for lane in lanes:
                group.create_task(self._run_lane(client, lane))

    def finish(self) -> None:
        """Begin nothing new."""
        self._is_finishing.set()

    async def _run_lane(self, client: aiohttp.ClientSession, lane: Lane) -> None:
        for each in lane.clients:
            drawn = random.Random(self._rng.random())
            lane.lives.put_nowait(life(each, drawn, actions=ACTIONS, not_relayed_share=0))
        # It holds for an hour.
        headers = {"Authorization": self._authorization(lane.organisation)}
        began_s, number = time.time(), 0
        async with asyncio.TaskGroup() as calls:
            while not self._is_finishing.is_set():
                planned_at_s = began_s + number / lane.rate
                await asyncio.sleep(max(0.0, planned_at_s - time.time()))
                self.late_s = max(self.late_s, time.time() - planned_at_s)
                calls.create_task(
                    self._send(client, lane, headers=headers, planned_at_s=planned_at_s)
                )
                number += 1

    async def _send(
        self,
        client: aiohttp.ClientSession,
        lane: Lane,
        *,
        headers: Mapping[str, str],
        planned_at_s: float,
    ) -> None:
        """Send what comes next of a client; waits where a call of every client is under way."""
        mine = await lane.lives.get()
        sent = next(mine)
        self.sent[sent.municipal_id] = sent
        path, own = call_of(sent)
        kind = {"Content-Type": "application/json"}
        all_headers = {**headers, **kind, **own}
        async with client.post(f"{self._url}{path}", data=sent.body, headers=all_headers) as answer:
            body = await answer.read()
        self.sendings[sent.municipal_id] = Sending(planned_at_s, time.time())
        if answer.status == httpx.codes.CREATED:
            sent.answers.append(_decode(body))
        else:
            self.complaints.append(f"{sent.municipal_id} answered {answer.status}")
        lane.lives.put_nowait(mine)
