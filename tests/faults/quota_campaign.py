"""One campaign of the ledger: steady decisions, money and orders, faults drawn from one seed."""

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from kuntavayla.settings import Transport
from quota_ledger.events import SOURCE
from tests.faults import points, quota_checking, quota_money, quota_points
from tests.faults.broker import running_broker
from tests.faults.points import Point
from tests.faults.postgres import Postgres
from tests.faults.quota_bad_calls import BAD, BadCalls
from tests.faults.quota_caller import QuotaCaller
from tests.faults.quota_orders import CLOSED_YEAR, Orders
from tests.faults.quota_overrides import Overrides
from tests.faults.quota_sender import DecisionSender
from tests.faults.quota_site import LEDGER, OPENING, QuotaSite, running_quota_site
from tests.faults.quota_stored import Stored, load_stored
from tests.faults.quota_topics import Published, check_topics, load_published
from tests.faults.seals import load_seal
from tests.faults.signals import CountedSignals
from tests.faults.waiting import until

FINISHED_S_MAX = 60
COMPLAINTS_SHOWN = 10
DRAINED_S_MAX = 120
YEAR_OVER_S_MAX = 120
RESERVED_FOR = timedelta(days=61)
"""Longer than a reservation waits for its grant."""
RESERVED = "SELECT count(*) FROM decisions WHERE state = 'reserved'"
UNPUBLISHED = """
SELECT h.position - p.position FROM outbox_head h CROSS JOIN outbox_publisher p
"""
STANDING = "SELECT decision_id::text FROM decisions WHERE organisation = $1 AND municipal_id = $2"


class Length(Struct, frozen=True):
    """How long a campaign is: how often each point strikes."""

    times: int


QUICK = Length(1)
LONG = Length(3)


class QuotaCampaign:
    """One run, and what it all came to."""

    def __init__(self, site: QuotaSite, seed: int, length: Length) -> None:
        self.site = site
        self.seed = seed
        self.transport = Transport.FEED if site.broker is None else Transport.KAFKA
        self.length = length
        self.rng = random.Random(seed)
        self.signals = CountedSignals()
        self.caller = QuotaCaller(site, random.Random(seed + 1), signals=self.signals)
        self.sender = DecisionSender(self.caller)
        self.orders = Orders(self.caller, self.sender)
        self.overrides = Overrides(self.caller, self.sender, self.orders)
        self.bad_calls = BadCalls(self.caller, self.sender)
        self.struck: list[tuple[float, Point]] = []
        self.phases_s: list[float] = []
        self.unanswered = 0
        self._began_s = time.monotonic()

    async def run(self) -> None:
        """Strike every point under traffic, then let all of it come to its end."""
        for year in (CLOSED_YEAR, OPENING.year):
            await self.orders.give(year)
        sending = asyncio.gather(
            self.sender.run(), self.orders.run(), self.overrides.run(), self.bad_calls.run()
        )
        try:
            await self._struck(sending)
            self._note_phase()
            self.sender.finish()
            async with asyncio.timeout(FINISHED_S_MAX):
                await sending
            self._note_phase()
            await self._ask_again()
            await self._drained()
            self._note_phase()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _struck(self, sending: "asyncio.Future[Any]") -> None:
        """Strike until all has struck; not any longer once nothing is sent any more."""
        striking = asyncio.create_task(self._strike_all())
        await asyncio.wait([striking, sending], return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            striking.cancel()
        await asyncio.gather(striking, return_exceptions=sending.done())

    async def _strike_all(self) -> None:
        """Strike before and behind the year's end, and while reservations come to theirs."""
        drawn = self._drawn()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._close_year())
            for side in drawn:
                group.create_task(self._strike(side[: len(side) // 2]))
        await self.site.pass_time(RESERVED_FOR)
        async with asyncio.TaskGroup() as group:
            for side in drawn:
                group.create_task(self._strike(side[len(side) // 2 :]))

    def _drawn(self) -> list[list[Point]]:
        """Return the points that strike at the same time as each other, in their order."""
        sides = [quota_points.POINTS, quota_points.LINK_POINTS]
        if self.site.broker is not None:
            sides.append(quota_points.BROKER_POINTS)
        return [
            [point for _ in range(self.length.times) for point in points.draw(self.rng, side)]
            for side in sides
        ]

    async def _strike(self, drawn: Sequence[Point]) -> None:
        for point in drawn:
            await quota_points.strike(self.site, point, signals=self.signals, rng=self.rng)
            self.struck.append((time.monotonic() - self._began_s, point))

    async def _close_year(self) -> None:
        """Wait for the year's end in Helsinki, close what is over by it, and open the new year."""

        async def is_over() -> bool:
            return self.site.today.year > OPENING.year

        await until(is_over, within_s=YEAR_OVER_S_MAX, poll_s=0.1)
        await self.orders.close_year(today=self.site.today)
        await self.orders.give(self.site.today.year)

    def _note_phase(self) -> None:
        self.phases_s.append(time.monotonic() - self._began_s)

    async def _ask_again(self) -> None:
        """Repeat what was never answered: it is there once or not at all; the answer says which."""
        stood: dict[str, list[str]] = {}
        for each in self.sender.sent.values():
            if not each.answers:
                names = each.place.case_system_id, each.municipal_id
                rows = await self.site.postgres.fetch(LEDGER, STANDING, *names)
                stood[each.municipal_id] = [row["decision_id"] for row in rows]
        self.unanswered = len(await self.sender.ask_again())
        for name, ids in stood.items():
            told = self.sender.sent[name].decision_id
            if ids and ids != [told]:
                self.caller.complaints.append(f"{name} stood as {ids}, its repeat says {told}")

    async def _drained(self) -> None:
        """Let all reservations come to their end, and all events be published."""
        await self.site.pass_time(RESERVED_FOR)

        async def is_drained() -> bool:
            return await self.site.postgres.count(LEDGER, RESERVED) == 0

        async def is_published() -> bool:
            return await self.site.postgres.count(LEDGER, UNPUBLISHED) == 0

        await until(is_drained, within_s=DRAINED_S_MAX, poll_s=0.2)
        await self.bad_calls.verify()
        if self.site.broker is not None:
            await until(is_published, within_s=DRAINED_S_MAX, poll_s=0.2)

    async def load_published(self) -> Published:
        """Read what stands on the broker, if there is one."""
        return await load_published(self.site.postgres, self.site.broker)

    def checks(
        self, stored: Stored, published: Published
    ) -> dict[str, Callable[[], Iterable[str]]]:
        """Return the checks by what each of them looks at."""
        sent, orders, overrides = self.sender.sent, self.orders, self.overrides
        return {
            "disturbances": self._check_disturbances,
            "answers": lambda: self.caller.complaints,
            "decisions": lambda: quota_checking.check_decisions(stored, sent),
            "steps": lambda: quota_checking.check_steps(stored, sent),
            "entries": lambda: quota_checking.check_entries(stored),
            "holdings": lambda: quota_checking.check_holdings(stored, sent),
            "payments": lambda: quota_money.check_payments(stored, orders.paid),
            "orders": lambda: quota_money.check_orders(stored, orders.orders, orders.reversed),
            "overrides": lambda: quota_money.check_overrides(
                stored, overrides.asked, overrides.answers
            ),
            "lapses": lambda: quota_checking.check_lapses(stored, orders.lapses),
            "events": lambda: quota_checking.check_events(stored),
            "audit": lambda: quota_money.check_audit(stored, verified=self.bad_calls.verified),
            "topics": lambda: check_topics(stored, published),
        }

    def _check_disturbances(self) -> Iterator[str]:
        """Whatever belongs to the traffic has happened, each kind of it."""
        refused, sent = self.bad_calls.refused, self.sender.sent.values()
        happened = {
            "no call was broken": self.caller.broken,
            "no call was repeated": self.caller.repeated,
            "nothing was refused for want of money": len(self.sender.of_outcome("refused")),
            "nothing expired under an act": sum(each.is_lost for each in sent),
            "nothing was let go unanswered": sum(each.is_abandoned for each in sent),
            "no override was approved": sum(
                each["approved"] for each in self.overrides.answers.values()
            ),
            "nobody tried to be two officials": self.overrides.same_official,
            "no payment was reversed": self.orders.reversed.total(),
            "no year was closed": sum(len(each["accounts"]) for each in self.orders.lapses),
            "nothing was verified under faults": self.bad_calls.verified - 1,
        }
        happened |= {f"there was no call with {name}": refused[name] for name in BAD}
        yield from (sentence for sentence, count in happened.items() if not count)

    def violations(self, stored: Stored, published: Published) -> Iterator[str]:
        """Yield everything that is missing, doubled, overspent or was answered wrongly."""
        for check in self.checks(stored, published).values():
            yield from check()

    async def found(self) -> list[str]:
        """Check everything that is stored and its seals, and print the campaign as a row."""
        unsealed = await load_seal(self.site.postgres, database=LEDGER, source=SOURCE)
        stored, published = await load_stored(self.site.postgres), await self.load_published()
        found = [*self.violations(stored, published), *unsealed]
        print(self.row(stored, published, found))
        return found

    def fallen(self) -> int:
        """Return how many points fell in their moment."""
        return len(self.struck) - self.signals.missed

    def row(self, stored: Stored, published: Published, found: Sequence[str]) -> str:
        """Return the campaign as a row: transport, seed, faults, sent, events, checks, seconds."""
        acts = sum(each.acts.total() for each in self.sender.sent.values())
        sent = (
            f"{len(stored.decisions)} decisions, {acts} acts, {len(stored.payments)} payments,"
            f" {len(self.orders.orders)} orders, {len(stored.overrides)} overrides"
        )
        cells = (
            f"ledger {self.transport.value}",
            self.seed,
            len(self.struck),
            sent,
            f"{len(stored.outbox)} ({len(stored.entries)} entries)",
            f"{len(self.checks(stored, published)) + 1}, {len(found)} violations",
            round(self.phases_s[-1]),
        )
        return f"| {' | '.join(map(str, cells))} |"

    def told(self) -> str:
        """Say what happened, for who reads the run."""
        counted = Counter(f"{point.target} at {point.moment}" for _, point in self.struck)
        phases = ", ".join(f"{phase:.0f} s" for phase in self.phases_s)
        outcomes = Counter(each.outcome for each in self.sender.sent.values())
        answered = sum((each for each in self.overrides.answers.values()), Counter[str]())
        return (
            f"SEED={self.seed} TRANSPORT={self.transport.value} ledger:"
            f" struck, sent, drained after {phases};"
            f" {len(self.struck)} points, {self.signals.missed} missed their moment;"
            f" decisions {dict(outcomes)}, {self.unanswered} of them repeated at the end;"
            f" {self.caller.broken} calls broken, {self.caller.repeated} answered ones repeated,"
            f" {self.bad_calls.refused.total()} bad ones refused;"
            f" overrides {dict(answered)}, {self.bad_calls.verified} verifications;"
            f" answers {dict(self.caller.answers)}; {dict(counted)}"
        )

    def schedule(self) -> str:
        """List the faults in the order and at the times at which they struck, in seconds."""
        return "\n".join(f"{at_s:6.1f} {p.target} at {p.moment}" for at_s, p in self.struck)


@asynccontextmanager
async def finished_quota_campaign(
    postgres: Postgres,
    folder: Path,
    *,
    seed: int,
    length: Length,
    transport: Transport = Transport.FEED,
) -> AsyncIterator[QuotaCampaign]:
    """Give a campaign that has come to its end; a failure inside the block names its seed."""
    async with AsyncExitStack() as opened:
        broker = None
        if transport is Transport.KAFKA:
            broker = await opened.enter_async_context(
                running_broker(folder / "kafka", on=OPENING.date())
            )
        site = await opened.enter_async_context(running_quota_site(postgres, folder, broker=broker))
        campaign = QuotaCampaign(site, seed, length)
        try:
            await campaign.run()
            yield campaign
        except BaseException as error:
            complaints = "\n".join(campaign.caller.complaints[:COMPLAINTS_SHOWN])
            told = campaign.told(), campaign.schedule(), complaints, f"logs in {folder}"
            error.add_note("\n".join(told))
            # At once, not only behind the last campaign of a long run.
            traceback.print_exception(error)
            raise
        print(campaign.told())
