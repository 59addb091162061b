"""The year itself: allocations by the ELY centres, decisions and acts by the case systems.

The areas go side by side; within an area one call follows another, so that its books can be kept in
the order of its bookings.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any, TypeVar

import httpx
from msgspec import Struct

from kuntavayla.register import Register, load_register
from kuntavayla.values.calendar import legal_day
from kuntavayla_sandbox.clock import HELSINKI
from kuntavayla_sandbox.quota_year.acts import act_of, due_on
from kuntavayla_sandbox.quota_year.assumptions import Assumptions
from kuntavayla_sandbox.quota_year.books import Books
from kuntavayla_sandbox.quota_year.calls import PATIENCE_S, LedgerCalls, YearStalled
from kuntavayla_sandbox.quota_year.closed_books import (
    close_balances,
    close_exceeding,
    close_overrides,
    close_states,
)
from kuntavayla_sandbox.quota_year.generating import Planned, YearClient
from kuntavayla_sandbox.quota_year.money_books import MoneyBooks
from kuntavayla_sandbox.quota_year.overriding import Overriding
from kuntavayla_sandbox.quota_year.paying import (
    late_payments,
    late_recoveries,
    nobodys_payment,
    payments,
    recoveries,
)
from kuntavayla_sandbox.quota_year.sizing import allocations, document_of, ely_of
from kuntavayla_sandbox.simulators import iterate_clients, load_status
from kuntavayla_sandbox.stack import RunningStack

AREAS_AT_ONCE = 4
OPERATOR, PAYER = "operator", "keha"
PAYMENTS_A_CALL = 5_000
NOON_H = 12
POLL_S = 0.5
PAID_IN_ORDER = (payments, recoveries, late_recoveries, late_payments)
Item = TypeVar("Item")
Found = TypeVar("Found")
Document = dict[str, Any]
Lane = list[Planned]
Tell = Callable[[str], None]


class Going(Struct):
    """A decision that goes on: its next act, and its version."""

    planned: Planned
    decision_id: str
    number: int = 0
    version: int = 1


class YearRun(Struct, kw_only=True):
    """The year as it went, and what the service says at its end."""

    books: Books
    decisions: int = 0
    deciding_s: float = 0.0
    balances: list[Document] = []
    verification: Document = {}

    @property
    def is_right(self) -> bool:
        """Tell whether the books are exact and the service verified its own."""
        return self.books.is_exact and bool(self.verification.get("is_intact"))


async def read_clients(running: RunningStack, *, client: httpx.AsyncClient) -> list[YearClient]:
    """Return the clients that the case systems hold, each with its area."""
    url, register = running.stack.simulators["case-systems"], load_register()
    on = legal_day(running.clock())
    found: list[YearClient] = []
    for system in (await load_status(client, url)).case_systems:
        name = system.case_system_id
        async for held in iterate_clients(client, url, case_system_id=name):
            membership = register.membership(held.municipality_code, on=on)
            if held.state == "acknowledged" and membership is not None:
                code, area = held.municipality_code, membership.area_code
                found.append(YearClient(held.client_id, code, area, name))
    return found


class QuotaYear:
    """A year of decisions on a stack whose case systems have clients."""

    def __init__(self, running: RunningStack, calls: LedgerCalls, *, assumed: Assumptions) -> None:
        self._running = running
        self._calls = calls
        self._assumed = assumed
        self._register: Register = load_register()
        self._going_on: list[Going] = []
        self._granted = {""}
        """The municipality's ids of what was granted; nothing follows on nothing."""
        self._moved: Counter[str] = Counter()
        self.run = YearRun(books=Books())
        self._money = MoneyBooks(self.run.books)
        areas = self._register.areas(on=self._today)
        self._elys = {area.code: ely_of(self._register, area) for area in areas}
        self._overriding = Overriding(
            calls,
            books=self.run.books,
            money=self._money,
            assumed=assumed,
            elys=self._elys,
            register=self._register,
        )

    @property
    def _today(self) -> date:
        return legal_day(self._running.clock())

    async def live(
        self, clients: Sequence[YearClient], planned: Sequence[Planned], *, tell: Tell
    ) -> YearRun:
        """Live through it all, from the first allocation to the lapse; then compare.

        Raises YearRefused or YearStalled.
        """
        self._moved = Counter(client.area_code for client in clients)
        first, *_, last = self._assumed.appropriations
        await self._allocate(first.budget_year)
        for month_end in self._assumed.year.month_ends:
            await self._move_to(month_end)
            if month_end.year == last.budget_year and month_end.month == 1:
                await self._allocate(last.budget_year)
            await self._decide(planned, month_end, tell=tell)
            await self._go_on(month_end)
        for day in self._assumed.year.settled_on:
            await self._move_to(day)
            if day.year > first.budget_year + 1:
                await self._lapse(first.budget_year)
            await self._go_on(day)
            tell(f"  {day:%m/%Y}: settled what went on")
        await self._pay([nobodys_payment(paid_on=self._today)], name="nobody")
        return await self._close()

    async def _allocate(self, year: int) -> None:
        """Let the ELY centres allocate what is sized by the clients."""
        orders = allocations(
            self._moved, budget_year=year, assumed=self._assumed, decided_on=self._today
        )
        for order in orders:
            ely = self._elys[order["area_code"]]
            body = {**order, "acting_official": _decider_of(ely)}
            key = str(order["document"]["register_number"])
            answer = await self._calls.post(ely, "/allocations", body, key=key)
            self._money.allocate(order, answer)

    async def _decide(self, planned: Sequence[Planned], last: date, *, tell: Tell) -> None:
        """Send a month's decisions, and do to each what is done to it at once."""
        books, first = self.run.books, last.replace(day=1)
        of_month = [
            one
            for one in planned
            if first <= one.decided_on <= last and one.follows in self._granted
        ]
        lanes = [list(lane) for _, lane in groupby(of_month, key=lambda one: one.area_code)]
        started_s = time.monotonic()
        answered = await _side_by_side(lanes, self._send)
        self.run.deciding_s += time.monotonic() - started_s
        books.told["continue an earlier decision"] += sum(1 for one in of_month if one.follows)
        await _side_by_side(answered, self._act)
        await self._overriding.ask(on=self._today)
        tell(f"  {last:%m/%Y}: {len(of_month):,} decisions")

    async def _send(self, lane: Lane) -> list[Going]:
        """Send an area's decisions of a month, one case system after the other."""
        by_system = sorted(lane, key=lambda one: one.case_system_id)
        reserved: list[Going] = []
        for name, group in groupby(by_system, key=lambda one: one.case_system_id):
            sent = {one.document["municipal_id"]: one for one in group}
            for document, line in await self._calls.decide(
                name, [one.document for one in sent.values()]
            ):
                one = sent[document["municipal_id"]]
                self.run.books.decide(document, line, is_beyond=one.is_beyond)
                self.run.decisions += 1
                verdict = line.get("result") or {}
                if verdict.get("outcome") == "reserved":
                    reserved.append(Going(one, verdict["decision_id"]))
        return reserved

    async def _act(self, lane: list[Going]) -> None:
        """Do to each decision of an area what is due, and keep those to which more will be done."""
        today = self._today
        for going in lane:
            while (due := due_on(going.planned, going.number)) is not None and due <= today:
                await self._do(going, on=today)
            if due is not None:
                self._going_on.append(going)

    async def _do(self, going: Going, *, on: date) -> None:
        planned = going.planned
        action, body = act_of(planned, going.number, on=on)
        answer = await self._calls.post(
            planned.case_system_id,
            f"/decisions/{going.decision_id}:{action}",
            body,
            key=f"{going.decision_id}:{going.number}",
            version=going.version,
        )
        self.run.books.act(going.decision_id, action, answer, body=body)
        going.number, going.version = going.number + 1, answer["version"]
        if action == "grant":
            self._granted.add(planned.document["municipal_id"])

    async def _go_on(self, day: date) -> None:
        """Do what is due by a day to decisions that go on; pay, and cover overrides."""
        going_on, self._going_on = self._going_on, []
        going_on.sort(key=lambda one: one.planned.area_code)
        lanes = [list(lane) for _, lane in groupby(going_on, key=lambda one: one.planned.area_code)]
        await _side_by_side(lanes, self._act)
        for due in PAID_IN_ORDER:
            items = list(due(self.run.books.held, paid_on=day))
            await self._pay(items, name=due.__name__)
        await self._overriding.cover(on=day)

    async def _pay(self, items: Sequence[Document], *, name: str) -> None:
        """Let KEHA report payments and recoveries, so many a call."""
        for first in range(0, len(items), PAYMENTS_A_CALL):
            part = items[first : first + PAYMENTS_A_CALL]
            query = {"report_id": f"SANDBOX-{self._today}-{name}-{first}"}
            lines = await self._calls.send_lines(PAYER, "/payments:bulk", part, query=query)
            for item, line in zip(part, lines, strict=True):
                self._money.pay(item, line)

    async def _lapse(self, year: int) -> None:
        """Let every ELY centre close a year: what is free of it is gone."""
        answers = {}
        for ely in sorted(set(self._elys.values())):
            body = {
                "document": document_of(f"lapse/{year}", decided_on=self._today),
                "reason": "the year behind it has ended",
                "acting_official": _decider_of(ely),
            }
            answers[ely] = await self._calls.post(
                ely, f"/years/{year}:lapse", body, key=f"{year}:lapse"
            )
        self._money.lapse(year, answers)

    async def _close(self) -> YearRun:
        """Compare the books with all that the service shows, and let it verify its own."""
        books, calls = self.run.books, self._calls
        self.run.balances = [one async for one in calls.listed(OPERATOR, "/balances", {})]
        close_balances(books, self.run.balances)
        close_states(books, [one async for one in calls.listed(OPERATOR, "/decisions", {})])
        query = {"state": "exceeds_commitment"}
        close_exceeding(books, [one async for one in calls.listed(OPERATOR, "/payments", query)])
        raised = [one async for one in calls.listed(OPERATOR, "/overrides", {})]
        close_overrides(books, self._money.overrides, raised)
        self.run.verification = await calls.verify(OPERATOR)
        return self.run

    async def _move_to(self, day: date) -> None:
        """Move the clock to noon of a day, and let expire what nobody granted by then."""
        noon = datetime(day.year, day.month, day.day, NOON_H, tzinfo=HELSINKI)
        if noon > self._running.clock():
            self._running.move_clock(noon)
        books, now = self.run.books, self._running.clock()
        if not books.due(now):
            return
        wanted = books.acts["expire"] + books.due(now)
        deadline_s = time.monotonic() + PATIENCE_S
        while await self._count_expired() < wanted:
            if time.monotonic() > deadline_s:
                raise YearStalled(f"{wanted} expired reservations")
            await asyncio.sleep(POLL_S)
        books.expire(now)

    async def _count_expired(self) -> int:
        listed = self._calls.listed(OPERATOR, "/decisions", {"state": "expired"})
        return len([one async for one in listed])


async def _side_by_side(
    lanes: Sequence[Item], work: Callable[[Item], Awaitable[Found]]
) -> list[Found]:
    """Do the same for every area, some at once; return what came of each."""
    places = asyncio.Semaphore(AREAS_AT_ONCE)

    async def one(lane: Item) -> Found:
        async with places:
            return await work(lane)

    return await asyncio.gather(*map(one, lanes))


def _decider_of(ely: str) -> Document:
    return {"official_id": f"{ely}:u-0001", "role": "decider"}
