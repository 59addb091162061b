"""Case systems that send information, repeat after every broken call, and keep what they got."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

import httpx
import msgspec

from tests.faults.relay_items import PLACES, Client, Sent, life, new_item
from tests.faults.relay_site import RelaySite
from tests.faults.signals import Signals

SENDERS = 4
PAUSE_S_MAX = 0.12
BULK_PAUSE_S_MAX = 0.7
BULK_LINES_MAX = 30
REST_S_MAX = 0.2
NEEDLESS_REPEATS = 0.08
"""So many items that were answered are sent once more."""
SENT_BY_BULK = (1, 2)
"""Of five clients these are sent in bulk, all others one by one."""
PASSING = frozenset({"in_progress"})
_decode_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


class InformationSender:
    """Lets the lives of clients happen until told to finish."""

    def __init__(
        self, site: RelaySite, clients: Sequence[Client], rng: random.Random, *, signals: Signals
    ) -> None:
        self._site = site
        self._rng = rng
        self._signals = signals
        self._by_bulk = [each for each in clients if each.number % 5 in SENT_BY_BULK]
        self._by_single = [each for each in clients if each.number % 5 not in SENT_BY_BULK]
        self._places = dict.fromkeys((each.number for each in clients), 0)
        self._is_finishing = asyncio.Event()
        self.sent: dict[str, Sent] = {}
        self.complaints: list[str] = []
        self.broken = 0
        self.repeated = 0

    async def run(self) -> None:
        """Send until `finish` was called and everything is answered."""
        async with asyncio.TaskGroup() as group:
            for number in range(SENDERS):
                group.create_task(self._send_singles(number, self._by_single[number::SENDERS]))
            for number, (_, case_system_id, _) in enumerate(PLACES):
                group.create_task(self._send_bulks(number, case_system_id))

    def finish(self) -> None:
        """Begin nothing new; what was begun is sent to its end."""
        self._is_finishing.set()

    async def _send_singles(self, number: int, clients: Sequence[Client]) -> None:
        lives = [life(each, random.Random(self._rng.random())) for each in clients]
        while not self._is_finishing.is_set():
            sent = self._next(self._rng.choice(lives))
            await self._answered(sent, number=number)
            if self._rng.random() < NEEDLESS_REPEATS:
                self.repeated += 1
                await self._answered(sent, number=number + 1)
            await asyncio.sleep(self._rng.uniform(0, PAUSE_S_MAX))

    def _next(self, lives: Iterator[Sent]) -> Sent:
        sent = next(lives)
        self.sent[sent.municipal_id] = sent
        return sent

    async def _answered(self, sent: Sent, *, number: int) -> None:
        """Send one thing as often as it takes; nothing else of its client goes meanwhile."""
        await self._until_done(
            lambda client: self._is_answered(client, sent),
            organisation=sent.client.case_system_id,
            number=number,
        )

    async def _until_done(
        self,
        call: Callable[[httpx.AsyncClient], Awaitable[bool]],
        *,
        organisation: str,
        number: int,
    ) -> None:
        """Repeat a call until it is done, at one process and the other by turns."""
        while True:
            async with self._site.client(organisation, number=number) as client:
                if await call(client):
                    return
            number += 1
            self.broken += 1
            await asyncio.sleep(self._rng.uniform(0, REST_S_MAX))

    async def _is_answered(self, client: httpx.AsyncClient, sent: Sent) -> bool:
        path, headers = call_of(sent)
        self._signals.give("single_sent")
        try:
            answer = await client.post(path, content=sent.body, headers=headers)
        except httpx.TransportError:
            return False
        if answer.status_code == httpx.codes.CREATED:
            sent.answers.append(answer.json())
            return True
        if answer.status_code in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS):
            return False
        code = answer.json().get("code")
        if code in PASSING:
            return False
        # The original was rejected or withdrawn meanwhile: that is for the checker to look into.
        sent.is_refused = code == "information_ended" and sent.replaces is not None
        if not sent.is_refused or sent.answers:
            self.complaints.append(f"{sent.municipal_id} answered {answer.status_code} {code}")
        return True

    async def _send_bulks(self, number: int, case_system_id: str) -> None:
        clients = [each for each in self._by_bulk if each.case_system_id == case_system_id]
        while not self._is_finishing.is_set():
            count = self._rng.randint(1, BULK_LINES_MAX)
            lines = [self._new_item(self._rng.choice(clients)) for _ in range(count)]
            times = 2 if self._rng.random() < NEEDLESS_REPEATS else 1
            for _ in range(times):
                await self._until_done(
                    partial(self._are_answered, lines=lines),
                    organisation=case_system_id,
                    number=number,
                )
            await asyncio.sleep(self._rng.uniform(0, BULK_PAUSE_S_MAX))

    def _new_item(self, client: Client) -> Sent:
        self._places[client.number] += 1
        sent = new_item(client, self._places[client.number])
        self.sent[sent.municipal_id] = sent
        return sent

    async def _are_answered(self, client: httpx.AsyncClient, *, lines: Sequence[Sent]) -> bool:
        """Send all lines once; tell whether each was taken."""
        self._signals.give("bulk_sent")
        try:
            answer = await client.post(
                "/information:bulk",
                content=b"\n".join(line.body for line in lines),
                headers={"Content-Type": "application/x-ndjson"},
            )
        except httpx.TransportError:
            return False
        if answer.status_code != httpx.codes.OK:
            if answer.status_code not in (503, 429):
                self.complaints.append(f"a bulk was answered {answer.status_code}")
            return False
        answered = _decode_lines(answer.content)[: len(lines)]
        for sent, line in zip(lines, answered, strict=True):
            if line["status"] == httpx.codes.CREATED:
                sent.answers.append(line["result"])
            elif line["status"] not in (503, 409):
                self.complaints.append(f"{sent.municipal_id} in bulk answered {line['status']}")
        return all(line["status"] == httpx.codes.CREATED for line in answered)


def call_of(sent: Sent) -> tuple[str, dict[str, str]]:
    """Return the path and the headers of what is sent."""
    headers = {"Idempotency-Key": sent.municipal_id}
    if sent.replaces is None:
        return "/information", headers
    headers |= {"If-Match": '"1"', "Acting-Official": sent.client.official}
    verb = "correct" if sent.action == "correct" else "withdraw"
    return f"/information/{sent.replaces.information_id}:{verb}", headers
