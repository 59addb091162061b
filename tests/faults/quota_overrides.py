"""Overrides: areas ask, two officials of the ELY centre answer at once, money covers some."""

import asyncio
from collections import Counter
from datetime import timedelta

import msgspec

from tests.faults.quota_caller import Answer, Asked, QuotaCaller
from tests.faults.quota_items import PLACES, Place, Sent, an_order
from tests.faults.quota_orders import Orders
from tests.faults.quota_sender import DecisionSender

PAUSE_S_MAX = 0.6
WAITED_FOR = timedelta(days=80)
"""Longer than one leap of the clock, shorter than two: some come to their last day."""
COVERED_SHARE = 0.5
LOST = frozenset({"override_answered", "override_not_possible", "override_too_small"})
"""What an official may hear who comes second, or whose account has changed meanwhile."""


class Overrides:
    """Asks for what was refused, and answers it, until the sender finishes."""

    def __init__(self, caller: QuotaCaller, sender: DecisionSender, orders: Orders) -> None:
        self.caller = caller
        self.asked: dict[str, Sent] = {}
        self.answers: dict[str, Counter[str]] = {}
        self.same_official = 0
        """How often one who asked tried to answer as well, and was refused."""
        self._sender = sender
        self._orders = orders

    async def run(self) -> None:
        """Ask and answer until the sender finishes."""
        async with asyncio.TaskGroup() as group:
            for place in PLACES:
                group.create_task(self._run_at(place))

    async def _run_at(self, place: Place) -> None:
        tried = set[str]()
        while not self._sender.is_finishing:
            left = [
                each
                for each in self._sender.of_outcome("refused")
                if each.place == place and each.municipal_id not in tried
            ]
            if left:
                sent = self.caller.rng.choice(left)
                tried.add(sent.municipal_id)
                await self._go_through(place, sent)
            await self.caller.pause(PAUSE_S_MAX)

    async def _go_through(self, place: Place, sent: Sent) -> None:
        last_on = self.caller.site.today + WAITED_FOR
        body = {
            "decision_id": sent.decision_id,
            "amount_cents": sent.cents,
            "cover": {
                "kind": "addition",
                "expected_on": f"{last_on}",
                "reason": "It is on its way",
            },
            "expires_on": f"{last_on}",
            "acting_official": place.official,
        }
        answer = await self._call(place.case_system_id, "/overrides", body)
        if answer.status != 201:
            if answer.code != "override_not_possible":
                self.caller.complaints.append(f"an override of {sent.municipal_id}: {answer}")
            return
        override_id = answer.body["override_id"]
        self.asked[override_id] = sent
        await self._be_one(place, override_id)
        await self._answer(place, override_id)

    async def _be_one(self, place: Place, override_id: str) -> None:
        """Try to approve as the official who asked."""
        official_id = place.official["official_id"]
        answer = await self._call(
            place.ely, f"/overrides/{override_id}:approve", _approval(str(official_id).upper())
        )
        self.same_official += answer.code == "override_needs_another"
        if answer.code not in {"override_needs_another", "override_answered"}:
            self.caller.complaints.append(f"{override_id} approved by who asked: {answer}")

    async def _answer(self, place: Place, override_id: str) -> None:
        """Let two officials answer at once; both may approve, or one refuse."""
        actions = ("approve", self.caller.rng.choice(("approve", "refuse")))
        answers = await asyncio.gather(
            *(
                self._call(
                    place.ely,
                    f"/overrides/{override_id}:{action}",
                    _approval(f"{place.ely}:u-{number}"),
                )
                for number, action in enumerate(actions)
            )
        )
        taken = Counter(each.body["outcome"] for each in answers if each.status == 200)
        self.answers[override_id] = taken
        for each in answers:
            if each.status != 200 and each.code not in LOST:
                self.caller.complaints.append(f"{override_id} answered {each}")
        if taken["approved"] and self.caller.rng.random() < COVERED_SHARE:
            await self._cover(place, override_id)

    async def _cover(self, place: Place, override_id: str) -> None:
        sent, today = self.asked[override_id], self.caller.site.today
        year = int(sent.body["budget_year"])
        cents = self.caller.rng.randint(1, 2 * sent.cents)
        body = an_order(place, "addition", year=year, cents=cents, today=today, covers=override_id)
        await self._orders.order(place, "/allocations", body)

    async def _call(self, organisation: str, path: str, body: object) -> Answer:
        return await self.caller.answered(
            Asked(
                organisation=organisation,
                path=path,
                body=msgspec.json.encode(body),
                headers={"Idempotency-Key": self.caller.key()},
                signal="override_sent",
            )
        )


def _approval(official_id: str) -> dict[str, object]:
    return {
        "reason": "The year's money is on its way",
        "acting_official": {"official_id": official_id, "role": "decider"},
    }
