"""Operators at work meanwhile: they pause, try again, give up, send again and compare lists."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import httpx
import msgspec

from kuntavayla_sandbox.te_office.tables import DATABASE as TE_OFFICES
from tests.faults.relay_items import PLACES, RECEIVERS
from tests.faults.relay_site import OPENING, RELAY, SETTLED_S_MAX, SKEWS_S, RelaySite
from tests.faults.waiting import until

PAUSED_S_MAX = 1.5
SKIPPED_SHARE = 0.25
"""So many parked items are given up; the others are tried again."""
REDELIVERIES = 3
LOST_SHARE = 0.05
LOST_MAX = 200
PROVED_MIN = 20
PROVED_S_MAX = 120
LOST_UNDER_TRAFFIC_SHARE = 0.25
"""A receiver loses so much under traffic as soon as it has proved so many items."""
OFFICIAL = {"official_id": "campaign:op-1", "role": "operator"}
KINDS = (
    "missing",
    "unknown",
    "unproven",
    "skipped",
    "rejected",
    "other_day",
    "digest_differs",
)
DELIVERED = """
SELECT information_id::text FROM information WHERE receiver_id = $1 AND state = 'delivered'
ORDER BY ordinal
"""
UNDER_WAY = """
SELECT count(*) FROM client_queues
WHERE receiver_id = $1 AND lease_token IS NOT NULL AND lease_until > now()
"""
RECEIPT_FOLLOWS = "SELECT count(*) FROM items WHERE receiver_id = $1 AND state = 'waiting'"
HELD = """
SELECT information_id::text, digest FROM items WHERE receiver_id = $1 AND state = 'held'
"""
PROOF = """
SELECT information_id::text, digest, receipt_id, received_at FROM information
WHERE information_id = $1::uuid
"""
LOSE = """
DELETE FROM items WHERE information_id = ANY($1::uuid[]) RETURNING receiver_id, information_id::text
"""


class Operator:
    """Does everything by the relay's own calls, and keeps count of it."""

    def __init__(self, site: RelaySite, rng: random.Random) -> None:
        self._site = site
        self._rng = rng
        self.pauses = self.resumptions = 0
        self.redelivered: Counter[str] = Counter()
        self.lost: set[str] = set()
        self.lost_under_traffic = 0
        self.complaints: list[str] = []

    async def pause_each(self) -> None:
        """Hold back each receiver for a while, some until a time and some until resumed."""
        for number, receiver_id in enumerate(RECEIVERS):
            lasts_s = self._rng.uniform(0, PAUSED_S_MAX)
            if number % 2:
                await self._pause_for(receiver_id, seconds=1 + lasts_s)
                continue
            await self._done(f"/receivers/{receiver_id}:pause", reason="Huolto")
            self.pauses += 1
            await asyncio.sleep(lasts_s)
            await self._done(f"/receivers/{receiver_id}:resume")
            self.resumptions += 1

    async def _pause_for(self, receiver_id: str, *, seconds: float) -> None:
        """Pause until so much later; a call that came too late for that is made anew."""

        async def is_paused() -> bool:
            end = self._site.clock() + timedelta(seconds=seconds)
            path = f"/receivers/{receiver_id}:pause"
            return await self._answer(path, reason="Huolto", until=end.isoformat())

        await until(is_paused, within_s=SETTLED_S_MAX, poll_s=0.1)
        self.pauses += 1

    async def repair(self, information_id: str) -> None:
        """Let a parked item be tried again, or give it up."""
        is_given_up = self._rng.random() < SKIPPED_SHARE and information_id not in self.lost
        verb = "skip" if is_given_up else "retry"
        await self._answer(f"/deliveries/{information_id}:{verb}", reason="Selvitetty")

    async def redeliver_some(self) -> None:
        """Send all events of a case system once more, some times."""
        for number in range(REDELIVERIES):
            await asyncio.sleep(self._rng.uniform(0, PAUSED_S_MAX))
            _, recipient, _ = self._rng.choice(PLACES)
            answer = await self._done(
                "/redeliveries",
                headers={"Idempotency-Key": f"redelivery-{number}"},
                recipient=recipient,
                after="earliest",
                reason="Kadonnut lukijalta",
            )
            self.redelivered[answer["redelivery_id"]] = answer["event_count"]

    async def lose_some(self) -> None:
        """Let each receiver lose some of what it holds, as by an older backup of it."""
        for receiver_id in RECEIVERS:
            await self._lose_of(receiver_id, share=LOST_SHARE)

    async def _lose_of(self, receiver_id: str, *, share: float) -> list[str]:
        rows = await self._site.postgres.fetch(RELAY, DELIVERED, receiver_id)
        held = [row["information_id"] for row in rows]
        count = max(1, min(LOST_MAX, int(len(held) * share)))
        lost = await self._site.postgres.fetch(
            TE_OFFICES, LOSE, self._rng.sample(held, min(count, len(held)))
        )
        found = [row["information_id"] for row in lost]
        self.lost.update(found)
        return found

    async def lose_and_repair(self, receiver_id: str) -> None:
        """Lose under traffic, behind a pause; the office's own list has it sent again, twice asked.

        It is waited for until the receiver has something to lose. What the lost items were proved
        by is repeated while they are on their way again.
        """

        async def has_proved() -> bool:
            return len(await self._site.postgres.fetch(RELAY, DELIVERED, receiver_id)) >= PROVED_MIN

        await until(has_proved, within_s=PROVED_S_MAX, poll_s=0.1)
        await self._done(f"/receivers/{receiver_id}:pause", reason="Palautus")
        self.pauses += 1

        async def is_quiet() -> bool:
            """Say whether no call is under way, and the receiver lists all that it has proved."""
            under_way = await self._site.postgres.count(RELAY, UNDER_WAY, receiver_id)
            return not (
                under_way
                or await self._site.postgres.count(TE_OFFICES, RECEIPT_FOLLOWS, receiver_id)
            )

        await until(is_quiet, within_s=SETTLED_S_MAX, poll_s=0.1)
        lost = await self._lose_of(receiver_id, share=LOST_UNDER_TRAFFIC_SHARE)
        self.lost_under_traffic += len(lost)
        rows = await self._site.postgres.fetch(TE_OFFICES, HELD, receiver_id)
        found = await self._post_list(receiver_id, [dict(row) for row in rows])
        proofs = [await self._proof_of(each) for each in lost]
        if found["missing"] != len(lost):
            self.complaints.append(f"{receiver_id} lost {len(lost)}, found {found['missing']}")
        for _ in range(2):
            await self._resend(receiver_id, count=found["missing"])
        for proof in proofs:
            await self._done("/receipts", official=None, organisation=receiver_id, **proof)
        await self._done(f"/receivers/{receiver_id}:resume")
        self.resumptions += 1

    async def _proof_of(self, information_id: str) -> dict[str, Any]:
        [row] = await self._site.postgres.fetch(RELAY, PROOF, information_id)
        return dict(row) | {"result": "received", "received_at": row["received_at"].isoformat()}

    async def _post_list(
        self, receiver_id: str, lines: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        found: dict[str, Any] = {}

        async def is_taken() -> bool:
            async with self._site.client(receiver_id, number=self._rng.randrange(2)) as client:
                try:
                    answer = await client.post(
                        "/reconciliations",
                        content=b"".join(msgspec.json.encode(each) + b"\n" for each in lines),
                        params={"day": _day_of(receiver_id).isoformat(), "count": len(lines)},
                        headers={"Content-Type": "application/x-ndjson"},
                    )
                except httpx.TransportError:
                    return False
            if answer.is_success:
                found.update(answer.json())
            return answer.is_success

        await until(is_taken, within_s=SETTLED_S_MAX, poll_s=0.1)
        return found

    async def _resend(self, receiver_id: str, *, count: int, unless: str | None = None) -> None:
        await self._done(
            f"/reconciliations/{_day_of(receiver_id)}:resend",
            unless=unless,
            receiver_id=receiver_id,
            expected_count=count,
            reason="Vastaanottajalta kadonnut",
        )

    async def repair_day(self) -> None:
        """Compare each receiver's list of the day, and send again what it lost."""
        for receiver_id in RECEIVERS:
            found = await self._compare(receiver_id)
            count = found["missing"]
            if found["differences"] is not None:
                unlike = {each["information_id"] for each in found["differences"]} - self.lost
                self.complaints += [f"{each} differs and was not lost" for each in sorted(unlike)]
            if count == 0:
                self.complaints.append(f"nothing that {receiver_id} lost was found")
                continue
            # The relay asks again for a day that is over, by itself: nothing lacks by then.
            for _ in range(2):
                await self._resend(receiver_id, count=count, unless="delivery_count_differs")

    async def compare_all(self) -> None:
        """Compare again: nothing may differ any more."""
        for receiver_id in RECEIVERS:
            found = await self._compare(receiver_id)
            if not found["is_equal"]:
                counts = {kind: found[kind] for kind in KINDS}
                self.complaints.append(f"the list of {receiver_id} differs: {counts}")

    async def _compare(self, receiver_id: str) -> Mapping[str, Any]:
        day = _day_of(receiver_id).isoformat()
        answer = await self._done(f"/receivers/{receiver_id}:reconcile", official=None, day=day)
        return {"differences": None} | answer

    async def _done(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        official: Mapping[str, str] | None = OFFICIAL,
        organisation: str = "operator",
        unless: str | None = None,
        **body: object,
    ) -> dict[str, Any]:
        """Call until it is answered, by success or `unless`; return the answer."""
        found: dict[str, Any] = {}
        answers: Counter[str | None] = Counter()

        async def is_done() -> bool:
            signed = {} if official is None else {"acting_official": official}
            answer = await self._call(
                path, body | signed, headers=headers, organisation=organisation
            )
            if answer is None or not answer.is_success:
                code = None if answer is None else answer.json()["code"]
                answers[code] += 1
                return code is not None and code == unless
            found.update(answer.json())
            return True

        try:
            await until(is_done, within_s=SETTLED_S_MAX, poll_s=0.1)
        except TimeoutError as error:
            error.add_note(f"{path} was answered {dict(answers)}")
            raise
        return found

    async def _answer(self, path: str, **body: object) -> bool:
        answer = await self._call(path, body | {"acting_official": OFFICIAL})
        return answer is not None and answer.is_success

    async def _call(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        headers: Mapping[str, str] | None = None,
        organisation: str = "operator",
    ) -> httpx.Response | None:
        async with self._site.client(organisation, number=self._rng.randrange(2)) as client:
            try:
                return await client.post(path, json=body, headers=headers)
            except httpx.TransportError:
                return None


def _day_of(receiver_id: str) -> date:
    """Return the day that a receiver's receipts are of, by its own clock."""
    return (OPENING + timedelta(seconds=SKEWS_S.get(receiver_id, 0))).date()
