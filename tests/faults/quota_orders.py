"""ELY centres and KEHA: allocations, transfers, reversals, lapses, payments and recoveries."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date

import msgspec

from tests.faults.quota_caller import Answer, Asked, QuotaCaller
from tests.faults.quota_items import (
    DOCUMENT,
    GIVEN,
    MOVED,
    PLACES,
    SPLIT,
    Paid,
    Place,
    a_move,
    an_order,
    lines_of,
    new_payment,
)
from tests.faults.quota_sender import DecisionSender
from tests.served import Json

PAUSE_S_MAX = 0.4
CENTS_MAX = 300_000
ITEMS_MAX = 12
DRY_TIMES, NEWEST = 8, 40
"""An area gets so much more where most of so many decisions were refused."""
REVERSED_SHARE = 0.15
ORDER_REFUSALS = frozenset(
    {"allocation_cut_below_bound", "year_lapsed", "already_reversed", "later_bookings_stand"}
)
CLOSED_YEAR = 2021


class Orders:
    """Orders and pays until told to finish."""

    def __init__(self, caller: QuotaCaller, sender: DecisionSender) -> None:
        self.caller = caller
        self.orders: dict[str, tuple[str, int]] = {}
        """Noun and cents by the id that was answered."""
        self.reversed: Counter[str] = Counter()
        """How often the reversal of an order or a payment was answered as done."""
        self.paid: dict[str, Paid] = {}
        self.lapses: list[Json] = []
        self._sender = sender
        self._numbers = itertools.count(1)

    async def give(self, year: int) -> None:
        """Give each area its money of a year, and a part of it to one municipality."""
        today = self.caller.site.today
        for place in PLACES:
            body = an_order(place, "addition", year=year, cents=GIVEN, today=today)
            await self.order(place, "/allocations", body)
        body = a_move(SPLIT, year=year, cents=MOVED, today=today)
        await self.order(SPLIT, "/allocation-transfers", body)

    async def run(self) -> None:
        """Order and pay until the sender finishes."""
        async with asyncio.TaskGroup() as group:
            for place in PLACES:
                group.create_task(self._repeated(self._order_something, place))
            group.create_task(self._repeated(self._pay, None))
            group.create_task(self._repeated(self._pay_lines, None))

    async def _repeated(
        self, act: Callable[[Place | None], Awaitable[None]], place: Place | None
    ) -> None:
        while not self._sender.is_finishing:
            await act(place)
            await self.caller.pause(PAUSE_S_MAX)

    async def _order_something(self, place: Place | None) -> None:
        assert place is not None, "an order is of a place"
        rng, today = self.caller.rng, self.caller.site.today
        year, cents = today.year - rng.randrange(2), rng.randint(1, CENTS_MAX)
        kind = rng.choice(("addition", "addition", "cut", "move"))
        if self._runs_dry(place):
            cents *= DRY_TIMES
            body = an_order(place, "addition", year=today.year, cents=cents, today=today)
            await self.order(place, "/allocations", body)
        elif self.orders and rng.random() < REVERSED_SHARE:
            await self.reverse(place, rng.choice([*self.orders]))
        elif kind == "move":
            body = a_move(place, year=year, cents=cents, today=today)
            # Who has accounts of its own draws of them alone: of one place alone in the campaign.
            if place == SPLIT:
                await self.order(place, "/allocation-transfers", body)
        else:
            body = an_order(place, kind, year=year, cents=cents, today=today)
            await self.order(place, "/allocations", body)

    def _runs_dry(self, place: Place) -> bool:
        """Say whether most of the newest decisions of a place were refused."""
        outcomes = [each.outcome for each in self._sender.sent.values() if each.place == place]
        newest = outcomes[-NEWEST:]
        return newest.count("refused") > len(newest) / 2

    async def order(self, place: Place, path: str, body: Json) -> Answer:
        """Order, and keep what was done."""
        answer = await self._ordered(place.ely, path, body)
        if answer.status == 201:
            name = "transfer_id" if "transfer" in path else "allocation_id"
            cents = body["amount_cents"] * (-1 if body.get("kind") == "cut" else 1)
            self.orders[answer.body[name]] = (path.removeprefix("/"), cents)
        # The year may have come to its end between two tries of a call.
        if body["budget_year"] + 1 >= self.caller.site.today.year:
            self._complain(path, answer)
        return answer

    async def _ordered(self, organisation: str, path: str, body: Json) -> Answer:
        headers = {"Idempotency-Key": self.caller.key()}
        if organisation != "keha":
            headers["Acting-Official"] = f"{organisation}:u-7; role=decider"
        return await self.caller.answered(
            Asked(
                organisation=organisation,
                path=path,
                body=msgspec.json.encode(body),
                headers=headers,
                signal="order_sent",
            )
        )

    def _complain(self, path: str, answer: Answer) -> None:
        is_expected = answer.code in ORDER_REFUSALS | {"override_not_to_cover"}
        if answer.status >= 400 and not is_expected:
            self.caller.complaints.append(f"{path} answered {answer}")

    async def reverse(self, place: Place, order_id: str) -> None:
        """Take an order back; one of another ELY centre is not found."""
        noun, _ = self.orders[order_id]
        body = {"document": DOCUMENT, "reason": "Booked in error"}
        answer = await self._ordered(place.ely, f"/{noun}/{order_id}:reverse", body)
        self.reversed[order_id] += answer.status == 201
        if not str(answer.code).endswith("not_found"):
            self._complain(f"/{noun}:reverse", answer)

    def _new_items(self) -> list[Paid]:
        rng, today = self.caller.rng, self.caller.site.today
        payable = [each for each in self._sender.sent.values() if each.outcome == "reserved"]
        if not payable:
            return []
        made = []
        for _ in range(rng.randint(1, ITEMS_MAX)):
            reference = f"KEHA-{next(self._numbers):07}"
            made.append(new_payment(rng.choice(payable), reference, rng, today=today))
            self.paid[reference] = made[-1]
        return made

    async def _pay(self, _: Place | None) -> None:
        items = self._new_items()
        if not items:
            return
        body = {"report_id": f"R-{items[0].reference}", "items": [each.item for each in items]}
        answer = await self.caller.answered(
            Asked(
                organisation="keha",
                path="/payments",
                body=msgspec.json.encode(body),
                headers={"Idempotency-Key": self.caller.key()},
                signal="payments_sent",
            )
        )
        if answer.status != 200:
            self.caller.complaints.append(f"a report answered {answer}")
            return
        for paid, result in zip(items, answer.body["items"], strict=True):
            paid.results.append(result)
        await self._take_back()

    async def _take_back(self) -> None:
        """Reverse a payment or a recovery, now and then."""
        booked = [each.payment_id for each in self.paid.values() if each.payment_id is not None]
        if not booked or self.caller.rng.random() >= REVERSED_SHARE:
            return
        payment_id = self.caller.rng.choice(booked)
        body = {"document": DOCUMENT, "reason": "Booked in error"}
        answer = await self._ordered("keha", f"/payments/{payment_id}:reverse", body)
        self.reversed[payment_id] += answer.status == 201
        self._complain("/payments:reverse", answer)

    async def _pay_lines(self, _: Place | None) -> None:
        items = self._new_items()
        if not items:
            return
        answer = await self.caller.answered(
            Asked(
                organisation="keha",
                path=f"/payments:bulk?report_id=B-{items[0].reference}",
                body=lines_of([each.item for each in items]),
            )
        )
        if answer.status != 200:
            self.caller.complaints.append(f"a bulk report answered {answer}")
            return
        for paid, line in zip(items, answer.body, strict=False):
            refused = {"result": "refused", "payment_id": None, "problem": line.get("problem")}
            paid.results.append(line.get("result") or refused)

    async def close_year(self, *, today: date) -> None:
        """Close the year that is over, by two calls at once of each ELY centre."""
        path, body = f"/years/{CLOSED_YEAR}:lapse", {"document": DOCUMENT, "reason": f"{today}"}
        answers = await asyncio.gather(
            *(self._ordered(place.ely, path, body) for place in PLACES for _ in range(2))
        )
        for answer in answers:
            self._complain(path, answer)
            if answer.status < 400:
                self.lapses.append(answer.body)
