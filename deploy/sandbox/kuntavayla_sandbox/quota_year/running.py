"""The year itself: allocations by the ELY centres, decisions and acts by the case systems.

The areas go side by side; within an area one call follows another, so that its books can be kept in
the order of its bookings.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import httpx
from msgspec import Struct

from kuntavayla.register import Register, load_register
from kuntavayla.values.calendar import legal_day
from kuntavayla_sandbox.clock import HELSINKI
from kuntavayla_sandbox.quota_year.assumptions import Assumptions
from kuntavayla_sandbox.quota_year.books import Books
from kuntavayla_sandbox.quota_year.calls import (
    PATIENCE_S,
    LedgerCalls,
    YearStalled,
    official_of,
)
from kuntavayla_sandbox.quota_year.generating import Planned, YearClient
from kuntavayla_sandbox.quota_year.paying import payments, recoveries
from kuntavayla_sandbox.quota_year.sizing import allocations, ely_of
from kuntavayla_sandbox.simulators import iterate_clients, load_status
from kuntavayla_sandbox.stack import RunningStack

AREAS_AT_ONCE = 4
OPERATOR, PAYER = "operator", "keha"
PAYMENTS_A_CALL = 5_000
NOON_H = 12
POLL_S = 0.5
Document = dict[str, Any]
Lane = list[Planned]


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
    """A budget year on a stack whose case systems have clients."""

    def __init__(self, running: RunningStack, calls: LedgerCalls, *, assumed: Assumptions) -> None:
        self._running = running
        self._calls = calls
        self._assumed = assumed
        self._register: Register = load_register()
        self._ids: dict[str, str] = {}
        self._going_on: Lane = []
        self.run = YearRun(books=Books())

    async def allocate(self, clients: Sequence[YearClient]) -> None:
        """Let the ELY centres allocate what is sized by the clients; raises YearRefused."""
        on = legal_day(self._running.clock())
        by_code = {area.code: area for area in self._register.areas(on=on)}
        moved = Counter(client.area_code for client in clients)
        for order in allocations(moved, assumed=self._assumed, decided_on=on):
            ely = ely_of(self._register, by_code[order["area_code"]])
            official = {"official_id": f"{ely}:u-0001", "role": "decider"}
            body = {**order, "acting_official": official}
            key = str(order["document"]["register_number"])
            answer = await self._calls.post(ely, "/allocations", body, key=key)
            self.run.books.allocate(order, answer)

    async def decide(self, planned: Sequence[Planned], *, tell: Callable[[str], None]) -> None:
        """Live through the months: decide, act, pay, let expire.

        Raises YearRefused or YearStalled.
        """
        for last in self._assumed.year.month_ends:
            await self._move_to(last)
            first = last.replace(day=1)
            of_month = [one for one in planned if first <= one.decided_on <= last]
            lanes = [list(lane) for _, lane in groupby(of_month, key=lambda one: one.area_code)]
            answered = await self._side_by_side(lanes, self._send)
            await self._side_by_side(answered, self._act)
            await self._side_by_side(self._take_due(last), self._act_later)
            await self._pay()
            tell(f"  {last:%m/%Y}: {len(of_month):,} decisions")

    async def _pay(self) -> None:
        """Let KEHA pay what is due by now, then take back a part of a few."""
        paid_on = legal_day(self._running.clock())
        for due in (payments, recoveries):
            items = list(due(self.run.books.held, paid_on=paid_on))
            for first in range(0, len(items), PAYMENTS_A_CALL):
                part = items[first : first + PAYMENTS_A_CALL]
                query = {"report_id": f"SANDBOX-{paid_on}-{due.__name__}-{first}"}
                lines = await self._calls.send_lines(PAYER, "/payments:bulk", part, query=query)
                for item, line in zip(part, lines, strict=True):
                    self.run.books.pay(item, line)

    def _take_due(self, last: date) -> list[Lane]:
        """Return by area what comes to an end by a month's last day; of the last month, all."""
        is_end = last == self._assumed.year.month_ends[-1]
        due = [one for one in self._going_on if is_end or _middle(one) <= last]
        self._going_on = [one for one in self._going_on if one not in due]
        due.sort(key=lambda one: one.area_code)
        return [list(lane) for _, lane in groupby(due, key=lambda one: one.area_code)]

    async def close(self) -> YearRun:
        """Compare the books with the balances, and let the service verify its own."""
        query = {"budget_year": str(self._assumed.year.budget_year)}
        listed = self._calls.listed(OPERATOR, "/balances", query)
        self.run.balances = [one async for one in listed]
        self.run.books.close(self.run.balances)
        self.run.verification = await self._calls.post(OPERATOR, "/verifications", {})
        return self.run

    async def _move_to(self, last: date) -> None:
        """Move the clock to a month's last day, and let expire what nobody granted by then."""
        noon = datetime(last.year, last.month, last.day, NOON_H, tzinfo=HELSINKI)
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
        self, lanes: Sequence[Lane], work: Callable[[Lane], Awaitable[Lane]]
    ) -> list[Lane]:
        """Do the same for every area, some at once; return what is left to do in each."""
        places = asyncio.Semaphore(AREAS_AT_ONCE)

        async def one(lane: Lane) -> Lane:
            async with places:
                return await work(lane)

        started_s = time.monotonic()
        left = await asyncio.gather(*map(one, lanes))
        if work == self._send:
            self.run.deciding_s += time.monotonic() - started_s
        return left

    async def _send(self, lane: Lane) -> Lane:
        """Send an area's decisions of a month, one case system after the other."""
        by_system = sorted(lane, key=lambda one: one.case_system_id)
        reserved: Lane = []
        for name, group in groupby(by_system, key=lambda one: one.case_system_id):
            sent = {one.document["municipal_id"]: one for one in group}
            for document, line in await self._calls.decide(
                name, [one.document for one in sent.values()]
            ):
                self.run.books.decide(document, line)
                self.run.decisions += 1
                verdict = line.get("result", {})
                if verdict.get("outcome") == "reserved":
                    self._ids[document["municipal_id"]] = verdict["decision_id"]
                    reserved.append(sent[document["municipal_id"]])
        return reserved

    async def _act(self, lane: Lane) -> Lane:
        """Do to each decision of an area what its municipality does to it first."""
        for one in lane:
            acts = acts_of(one)
            for first in acts[:1]:
                await self._do(one, first, version=1)
            if len(acts) > 1:
                self._going_on.append(one)
        return []

    async def _act_later(self, lane: Lane) -> Lane:
        """Do to each decision of an area what becomes of it once it was paid for a while."""
        for one in lane:
            await self._do(one, acts_of(one)[1], version=2)
        return []

    async def _do(self, one: Planned, act: tuple[str, Document], *, version: int) -> None:
        action, body = act
        decision_id = self._ids[one.document["municipal_id"]]
        answer = await self._calls.post(
            one.case_system_id,
            f"/decisions/{decision_id}:{action}",
            {**body, **official_of(one.document)},
            key=f"{decision_id}:{action}",
            version=version,
        )
        self.run.books.act(decision_id, action, answer)


def acts_of(one: Planned) -> list[tuple[str, Document]]:
    """Return what is done to a decision, in order: action and content."""
    match one.fate:
        case "forgotten":
            return []
        case "refused":
            return [("refuse", {"reason_code": "conditions_not_met"})]
        case "granted":
            return [("grant", {})]
        case "cancelled":
            return [("grant", {}), ("cancel", {"reason_code": "applicant_withdrew"})]
        case "ended":
            end = {"last_on": _middle(one).isoformat(), "reason_code": "employment_ended"}
            return [("grant", {}), ("end", end)]
        case "shortened":
            period = {**one.document["period"], "ends_on": _middle(one).isoformat()}
            decision = {**one.document, "period": period}
            return [("grant", {}), ("change", {"decision": decision, "reason_code": "other"})]


def _middle(one: Planned) -> date:
    """Return the day in the middle of a decision's period."""
    starts_on, ends_on = (date.fromisoformat(day) for day in one.document["period"].values())
    return starts_on + timedelta(days=(ends_on - starts_on).days // 2)
