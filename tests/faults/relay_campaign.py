"""One campaign of the relay: steady information, faults on all sides, all drawn from one seed."""

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from msgspec import Struct

from kuntavayla.settings import Transport
from tests.faults import (
    points,
    relay_auditing,
    relay_checking,
    relay_inbound,
    relay_outside,
    relay_points,
    topics,
)
from tests.faults.broker import running_broker
from tests.faults.points import Point
from tests.faults.postgres import Postgres
from tests.faults.relay_checking import Stored
from tests.faults.relay_inbound import TopicSender
from tests.faults.relay_items import RECEIVERS, Client, Standing, clients, is_for_topic
from tests.faults.relay_operator import Operator
from tests.faults.relay_outside import Outside
from tests.faults.relay_routing import Told
from tests.faults.relay_sender import InformationSender
from tests.faults.relay_site import OPENING, RELAY, RelaySite, running_relay_site
from tests.faults.signals import CountedSignals
from tests.faults.waiting import until

FINISHED_S_MAX = 60
DRAINED_S_MAX = 120
LEFT = """
SELECT count(*) FROM information WHERE settled_at IS NULL AND state <> 'waiting_for_client'
"""
WAITING = "SELECT count(*) FROM information WHERE state = 'waiting_for_client'"
A_DAY = timedelta(hours=25)
"""Longer than an item waits for its client."""
UNPUBLISHED = """
SELECT h.position - p.position FROM outbox_head h CROSS JOIN outbox_publisher p
"""
PARKED = "SELECT information_id::text FROM information WHERE state = 'parked'"


class Length(Struct, frozen=True):
    """How long a campaign is: how often each point strikes, and how long a receiver is away."""

    times: int
    away_s: float


QUICK = Length(1, 6.0)
LONG = Length(4, 60.0)


class RelayCampaign:
    """One run, and what it all came to."""

    def __init__(self, site: RelaySite, seed: int, length: Length) -> None:
        self.site = site
        self.seed = seed
        self.transport = Transport.FEED if site.broker is None else Transport.KAFKA
        self.length = length
        self.rng = random.Random(seed)
        self.signals = CountedSignals()
        everybody = clients()
        by_topic = [each for each in everybody if site.broker is not None and is_for_topic(each)]
        self.sender = InformationSender(
            site,
            [each for each in everybody if each not in by_topic],
            random.Random(seed + 1),
            signals=self.signals,
        )
        self.inbound = TopicSender(
            site.broker,
            random.Random(seed + 4),
            clients=by_topic,
            restricted=_of(everybody, "restricted"),
        )
        self.told_of = Told(site, random.Random(seed + 5))
        self.everybody = everybody
        self.operator = Operator(site, random.Random(seed + 2))
        self.struck: list[tuple[float, Point]] = []
        self.misbehaviours = 0
        self.phases_s: list[float] = []
        self.outcomes: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self._began_s = time.monotonic()

    async def run(self) -> None:
        """Strike every point under traffic, then let all of it come to its end."""
        sending = asyncio.gather(self.sender.run(), self.inbound.run())
        try:
            async with asyncio.TaskGroup() as group:
                for drawn in self._drawn():
                    group.create_task(self._strike(drawn))
                group.create_task(self._misbehave())
                group.create_task(self.told_of.make_known(_of(self.everybody, "late")))
                group.create_task(self.told_of.ban(_of(self.everybody, "banned")))
                group.create_task(self._hold_back())
                group.create_task(self.operator.redeliver_some())
                group.create_task(relay_points.go_away(self.site, lasts_s=self.length.away_s))
            self._note_phase()
            self.sender.finish()
            self.inbound.finish()
            async with asyncio.timeout(FINISHED_S_MAX):
                await sending
            self._note_phase()
            await self._drained()
            self._note_phase()
            await self._pass_a_day()
            self._note_phase()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _hold_back(self) -> None:
        """Pause each receiver for a while; then let the last one lose what is sent again."""
        await self.operator.pause_each()
        await self.operator.lose_and_repair(RECEIVERS[-1])

    def _note_phase(self) -> None:
        self.phases_s.append(time.monotonic() - self._began_s)

    def _drawn(self) -> list[list[Point]]:
        """Return the points that strike at the same time as each other, in their order."""
        sides = [relay_points.POINTS, relay_points.LINK_POINTS]
        if self.site.broker is not None:
            sides.append(relay_points.BROKER_POINTS)
        return [
            [point for _ in range(self.length.times) for point in points.draw(self.rng, side)]
            for side in sides
        ]

    async def _strike(self, drawn: Sequence[Point]) -> None:
        for point in drawn:
            await relay_points.strike(self.site, point, signals=self.signals, rng=self.rng)
            self.struck.append((time.monotonic() - self._began_s, point))

    async def _misbehave(self) -> None:
        rng = random.Random(self.seed + 3)
        for _ in range(self.length.times):
            self.misbehaviours += await relay_points.misbehave(self.site, rng)

    async def _drained(self) -> None:
        """Return when all is read, has ended and is published, or raise TimeoutError."""
        if self.site.broker is not None:
            ends = await topics.list_ends(self.site.broker.connection, relay_inbound.INBOUND)

            async def is_read() -> bool:
                return await relay_inbound.is_read(self.site.postgres, ends)

            await until(is_read, within_s=DRAINED_S_MAX, poll_s=0.2)
        await until(self._is_drained, within_s=DRAINED_S_MAX, poll_s=0.2)
        if self.site.broker is not None:
            await until(self._is_published, within_s=DRAINED_S_MAX, poll_s=0.2)

    async def _is_published(self) -> bool:
        return await self.site.postgres.count(RELAY, UNPUBLISHED) == 0

    async def _is_drained(self) -> bool:
        """Have what is parked tried again, as often as it takes; tell whether nothing is left."""
        for row in await self.site.postgres.fetch(RELAY, PARKED):
            await self.operator.repair(row["information_id"])
        return await self.site.postgres.count(RELAY, LEFT) == 0

    async def _pass_a_day(self) -> None:
        """Let the day be over: nobody is waited for any more, and lists are compared."""
        await self.operator.lose_some()
        await self.site.pass_time(A_DAY)
        await until(self._is_nobody_waited_for, within_s=DRAINED_S_MAX, poll_s=0.2)
        await self.operator.repair_day()
        await self._drained()
        await self.operator.compare_all()

    async def _is_nobody_waited_for(self) -> bool:
        return await self.site.postgres.count(RELAY, WAITING) == 0

    async def load_outside(self) -> Outside:
        """Read what is left outside the checked tables."""
        return await relay_outside.load_outside(
            self.site.postgres, self.site.broker, self.inbound.written
        )

    def checks(self, stored: Stored, left: Outside) -> dict[str, Callable[[], Iterable[str]]]:
        """Return the checks by what each of them looks at."""
        sent = self.sender.sent | self.inbound.sent
        windows = self.told_of.windows
        hidden = [each.client_id for each in _of(self.everybody, "restricted")]
        return {
            "disturbances": self._check_disturbances,
            "answers": lambda: self.sender.complaints,
            "items": lambda: relay_checking.check_items(stored, sent),
            "states": lambda: relay_checking.check_states(stored, sent),
            "order": lambda: relay_checking.check_order(stored, sent),
            "effects": lambda: relay_checking.check_effects(stored, sent),
            "clocks": lambda: relay_checking.check_clocks(stored),
            "attempts": lambda: relay_checking.check_attempts(stored),
            "events": lambda: relay_checking.check_events(stored),
            "audit": lambda: relay_auditing.check_audit(
                stored, pauses=self.operator.pauses, resumptions=self.operator.resumptions
            ),
            "reconciliation": lambda: self._check_reconciliation(stored),
            "redeliveries": lambda: relay_outside.check_redeliveries(
                stored, self.operator.redelivered
            ),
            "topics": lambda: relay_outside.check_topics(stored, left),
            "inbound": lambda: relay_outside.check_inbound(stored, left),
            "channels": lambda: relay_outside.check_channels(stored, windows, self._plain()),
            "secrecy": lambda: relay_outside.check_secrecy(stored, left, hidden),
            "order of topics": lambda: relay_outside.check_order_of_topics(stored, left),
        }

    def _check_disturbances(self) -> Iterator[str]:
        """Whatever disturbs the traffic beside the points has happened, each kind of it."""
        happened = {
            "no call was broken": self.sender.broken,
            "nobody became known": self.told_of.known,
            "no ban was set and lifted": self.told_of.bans,
            "no pause was ended": self.operator.resumptions,
            "no pause ended by itself": self.operator.pauses - self.operator.resumptions,
            "nothing was sent once more": len(self.operator.redelivered),
            "no receiver lost anything": len(self.operator.lost),
            "nothing was lost under traffic": self.operator.lost_under_traffic,
        }
        yield from (sentence for sentence, count in happened.items() if not count)
        if self.site.broker is not None:
            yield from self.inbound.missing()

    def _plain(self) -> dict[str, str]:
        """Return the feed of each client: common of those who are known and have no ban."""
        return {
            each.client_id: "common" if each.standing == "known" else "restricted"
            for each in self.everybody
        }

    def _check_reconciliation(self, stored: Stored) -> Iterator[str]:
        """All that the receivers lost was found and sent again, and nothing else."""
        yield from self.operator.complaints
        unlike = stored.resent() ^ self.operator.lost
        yield from (f"{each} was lost or sent again, not both" for each in sorted(unlike))

    def violations(self, stored: Stored, left: Outside) -> Iterator[str]:
        """Yield everything that is missing, doubled, out of order or was answered wrongly."""
        for check in self.checks(stored, left).values():
            yield from check()

    async def found(self) -> list[str]:
        """Check everything that is stored, and print the campaign as a row."""
        stored = await relay_checking.load_stored(self.site.postgres)
        left = await self.load_outside()
        found = [*self.violations(stored, left)]
        self.outcomes = Counter(each["outcome"] for each in stored.attempts)
        self.notes = Counter(each["action"] for each in stored.notes)
        self.ends = Counter(each["state"] for each in stored.items)
        print(self.row(stored, left, found))
        return found

    def fallen(self) -> int:
        """Return how many points fell in their moment."""
        return len(self.struck) - self.signals.missed

    def row(self, stored: Stored, left: Outside, found: Sequence[str]) -> str:
        """Return the campaign as a row: transport, seed, faults, sent, events, checks, seconds."""
        faults = len(self.struck) + self.misbehaviours + self.operator.pauses + 1
        cells = (
            f"relay {self.transport.value}",
            self.seed,
            faults,
            f"{len(stored.items)} in {len(stored.attempts)} calls",
            f"{len(stored.outbox)} ({len(stored.held)} effects, {len(left.records)} records)",
            f"{len(self.checks(stored, left))}, {len(found)} violations",
            round(self.phases_s[-1]),
        )
        return f"| {' | '.join(map(str, cells))} |"

    def told(self) -> str:
        """Say what happened, for who reads the run."""
        counted = Counter(f"{point.target} at {point.moment}" for _, point in self.struck)
        phases = ", ".join(f"{phase:.0f} s" for phase in self.phases_s)
        refused = sum(each.is_refused for each in self.sender.sent.values())
        return (
            f"SEED={self.seed} TRANSPORT={self.transport.value} relay:"
            f" struck, sent, drained after {phases};"
            f" {len(self.struck)} points, {self.signals.missed} missed their moment,"
            f" {self.misbehaviours} misbehaviours, {self.operator.pauses} pauses,"
            f" {RECEIVERS[0]} away for {self.length.away_s:.0f} s,"
            f" {self.operator.lost_under_traffic} lost under traffic;"
            f" {len(self.sender.sent)} sent, {refused} of them refused,"
            f" {len(self.inbound.written)} records written, {self.inbound.broken} writes broken,"
            f" {self.sender.broken} calls broken, {self.sender.repeated} answered ones repeated;"
            f" ended {dict(self.ends)}, deliveries {dict(self.outcomes)},"
            f" notes {dict(self.notes)}; {dict(counted)}"
        )

    def schedule(self) -> str:
        """List the faults in the order and at the times at which they struck, in seconds."""
        return "\n".join(f"{at_s:6.1f} {p.target} at {p.moment}" for at_s, p in self.struck)


def _of(everybody: Sequence[Client], standing: Standing) -> list[Client]:
    return [each for each in everybody if each.standing == standing]


@asynccontextmanager
async def finished_relay_campaign(
    postgres: Postgres,
    folder: Path,
    *,
    seed: int,
    length: Length,
    transport: Transport = Transport.FEED,
) -> AsyncIterator[RelayCampaign]:
    """Give a campaign that has come to its end; a failure inside the block names its seed."""
    async with AsyncExitStack() as opened:
        broker = None
        if transport is Transport.KAFKA:
            broker = await opened.enter_async_context(
                running_broker(folder / "kafka", on=OPENING.date())
            )
        site = await opened.enter_async_context(
            running_relay_site(postgres, folder, clients(), broker=broker)
        )
        campaign = RelayCampaign(site, seed, length)
        try:
            await campaign.run()
            yield campaign
        except BaseException as error:
            error.add_note(f"{campaign.told()}\n{campaign.schedule()}\nlogs in {folder}")
            # At once, not only behind the last campaign of a long run.
            traceback.print_exception(error)
            raise
        print(campaign.told())
