"""Calls that must be refused, each with its code, whatever fails meanwhile; and verifications."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import msgspec

from tests.faults.quota_caller import Answer, Asked, QuotaCaller
from tests.faults.quota_items import PLACES, Place, lines_of, new_decision
from tests.faults.quota_sender import DecisionSender
from tests.served import Json

PAUSE_S_MAX = 0.3
BAD: dict[str, Json] = {
    "no amount": {"unit_cost_cents": 0},
    "a negative amount": {"unit_cost_cents": -1},
    "a huge amount": {"unit_cost_cents": 10**30},
    "a period reversed": {"period": {"starts_on": "2023-02-02", "ends_on": "2023-01-02"}},
    "an unknown area": {"area_code": "nowhere"},
    "another area": {"area_code": "turku"},
    "an unknown instrument": {"instrument": "LOTTERY"},
    "a year that is not open": {"budget_year": 2019},
    "no name": {"municipal_id": ""},
}


class BadCalls:
    """Makes bad calls until the sender finishes; counts each kind by how it was answered."""

    def __init__(self, caller: QuotaCaller, sender: DecisionSender) -> None:
        self.caller = caller
        self.refused: Counter[str] = Counter()
        self.verified = 0
        self._sender = sender
        self._numbers = itertools.count(900_001)

    async def run(self) -> None:
        """Go on until the sender finishes."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._be_bad())
            group.create_task(self._verify())

    async def _be_bad(self) -> None:
        names = itertools.cycle([*BAD, "other content", "other content in bulk", "unknown payment"])
        for name in names:
            if self._sender.is_finishing:
                return
            place = self.caller.rng.choice(PLACES)
            if name in BAD:
                await self._send_bad(place, name)
            elif name == "unknown payment":
                await self._pay_unknown()
            else:
                await self._send_other(place, name)
            await self.caller.pause(PAUSE_S_MAX)

    async def _send_bad(self, place: Place, name: str) -> None:
        body = self._body(place) | BAD[name]
        answer = await self._decide(place, body, key=self.caller.key())
        self._expect(name, answer, status=422, code="invalid_content")

    def _body(self, place: Place) -> Json:
        today, number = self.caller.site.today, next(self._numbers)
        return new_decision(place, number, self.caller.rng, today=today).body

    async def _send_other(self, place: Place, name: str) -> None:
        """Send other content under a municipal id that is taken."""
        taken = [
            each for each in self._sender.sent.values() if each.place == place and each.answers
        ]
        if not taken:
            return
        sent = self.caller.rng.choice(taken)
        other = self._body(place) | {"municipal_id": sent.municipal_id, "unit_cost_cents": 1}
        if name == "other content":
            answer = await self._decide(place, other, key=self.caller.key())
        else:
            asked = Asked(
                organisation=place.case_system_id, path="/decisions:bulk", body=lines_of([other])
            )
            [line] = (await self.caller.answered(asked)).body
            answer = Answer(line["status"], line.get("problem") or line)
        self._expect(name, answer, status=409, code="municipal_id_reused")

    async def _pay_unknown(self) -> None:
        """Pay for a decision that nobody knows: the report is taken, its item refused."""
        number = next(self._numbers)
        item: dict[str, Any] = {
            "payer_reference": f"UNKNOWN-{number}",
            "decision_id": "0177ec61-3ab9-7893-923f-00000000ffff",
            "kind": "payment",
            "month": "2022-12",
            "amount_cents": 100,
            "paid_on": f"{self.caller.site.today}",
        }
        answer = await self.caller.answered(
            Asked(
                organisation="keha",
                path="/payments",
                body=msgspec.json.encode({"report_id": f"U-{number}", "items": [item]}),
                headers={"Idempotency-Key": self.caller.key()},
                signal="payments_sent",
            )
        )
        told = answer.body["items"][0].get("problem") if answer.status == 200 else answer.body
        self._expect("unknown payment", Answer(409, told), status=409, code="decision_unknown")

    async def _decide(self, place: Place, body: Json, *, key: str) -> Answer:
        return await self.caller.answered(
            Asked(
                organisation=place.case_system_id,
                path="/decisions",
                body=msgspec.json.encode(body),
                headers={"Idempotency-Key": key},
            )
        )

    def _expect(self, name: str, answer: Answer, *, status: int, code: str) -> None:
        if (answer.status, answer.code) == (status, code):
            self.refused[name] += 1
        else:
            self.caller.complaints.append(f"{name} answered {answer}")

    async def _verify(self) -> None:
        """Have the books verified while all goes on: nothing may ever differ."""
        while not self._sender.is_finishing:
            await self.verify()
            await self.caller.pause(4 * PAUSE_S_MAX)

    async def verify(self) -> None:
        """Have the books verified once."""
        answer = await self.caller.answered(
            Asked(organisation="operator", path="/verifications", body=b"", signal="verify_sent")
        )
        if answer.status == 200 and answer.body["is_intact"] and not answer.body["differences"]:
            self.verified += 1
        else:
            self.caller.complaints.append(f"a verification answered {answer}")
