"""One campaign of the relay: steady information, faults on all sides, all drawn from one seed."""

import asyncio
import random
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from tests.faults import points, relay_checking, relay_points
from tests.faults.points import Point
from tests.faults.postgres import Postgres
from tests.faults.relay_checking import Stored
from tests.faults.relay_items import RECEIVERS, clients
from tests.faults.relay_points import Operator
from tests.faults.relay_sender import InformationSender
from tests.faults.relay_site import RELAY, RelaySite, running_relay_site
from tests.faults.signals import CountedSignals
from tests.faults.waiting import until

FINISHED_S_MAX = 60
DRAINED_S_MAX = 120
LEFT = "SELECT count(*) FROM information WHERE settled_at IS NULL"
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
        self.length = length
        self.rng = random.Random(seed)
        self.signals = CountedSignals()
        self.sender = InformationSender(
            site, clients(), random.Random(seed + 1), signals=self.signals
        )
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
        sending = asyncio.create_task(self.sender.run())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._strike_all())
                group.create_task(self._misbehave())
                group.create_task(self.operator.pause_each())
                group.create_task(relay_points.go_away(self.site, lasts_s=self.length.away_s))
            self._note_phase()
            self.sender.finish()
            async with asyncio.timeout(FINISHED_S_MAX):
                await sending
            self._note_phase()
            await until(self._is_drained, within_s=DRAINED_S_MAX, poll_s=0.2)
            self._note_phase()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _note_phase(self) -> None:
        self.phases_s.append(time.monotonic() - self._began_s)

    async def _strike_all(self) -> None:
        for _ in range(self.length.times):
            for point in points.draw(self.rng, relay_points.POINTS):
                await relay_points.strike(self.site, point, signals=self.signals, rng=self.rng)
                self.struck.append((time.monotonic() - self._began_s, point))

    async def _misbehave(self) -> None:
        rng = random.Random(self.seed + 3)
        for _ in range(self.length.times):
            self.misbehaviours += await relay_points.misbehave(self.site, rng)

    async def _is_drained(self) -> bool:
        """Have what is parked tried again, as often as it takes; tell whether nothing is left."""
        for row in await self.site.postgres.fetch(RELAY, PARKED):
            await self.operator.retry(row["information_id"])
        return await self.site.postgres.count(RELAY, LEFT) == 0

    def checks(self, stored: Stored) -> dict[str, Callable[[], Iterable[str]]]:
        """Return the checks by what each of them looks at."""
        sent = self.sender.sent
        return {
            "answers": lambda: self.sender.complaints,
            "items": lambda: relay_checking.check_items(stored, sent),
            "states": lambda: relay_checking.check_states(stored, sent),
            "order": lambda: relay_checking.check_order(stored, sent),
            "effects": lambda: relay_checking.check_effects(stored, sent),
            "attempts": lambda: relay_checking.check_attempts(stored),
            "events": lambda: relay_checking.check_events(stored),
            "audit": lambda: relay_checking.check_audit(stored, pauses=self.operator.pauses),
        }

    def violations(self, stored: Stored) -> Iterator[str]:
        """Yield everything that is missing, doubled, out of order or was answered wrongly."""
        for check in self.checks(stored).values():
            yield from check()

    async def found(self) -> list[str]:
        """Check everything that is stored, and print the campaign as a row."""
        stored = await relay_checking.load_stored(self.site.postgres)
        found = [*self.violations(stored)]
        self.outcomes = Counter(each["outcome"] for each in stored.attempts)
        self.notes = Counter(each["action"] for each in stored.notes)
        self.ends = Counter(each["state"] for each in stored.items)
        print(self.row(stored, found))
        return found

    def fallen(self) -> int:
        """Return how many points fell in their moment."""
        return len(self.struck) - self.signals.missed

    def row(self, stored: Stored, found: Sequence[str]) -> str:
        """Return the campaign as a row: relay, seed, faults, sent, events, checks, seconds."""
        faults = len(self.struck) + self.misbehaviours + self.operator.pauses + 1
        cells = (
            "relay",
            self.seed,
            faults,
            f"{len(stored.items)} in {len(stored.attempts)} calls",
            f"{len(stored.outbox)} ({len(stored.held)} effects)",
            f"{len(self.checks(stored))}, {len(found)} violations",
            round(self.phases_s[-1]),
        )
        return f"| {' | '.join(map(str, cells))} |"

    def told(self) -> str:
        """Say what happened, for who reads the run."""
        counted = Counter(f"{point.target} at {point.moment}" for _, point in self.struck)
        phases = ", ".join(f"{phase:.0f} s" for phase in self.phases_s)
        refused = sum(each.is_refused for each in self.sender.sent.values())
        return (
            f"SEED={self.seed} relay: struck, sent, drained after {phases};"
            f" {len(self.struck)} points, {self.signals.missed} missed their moment,"
            f" {self.misbehaviours} misbehaviours, {self.operator.pauses} pauses,"
            f" {RECEIVERS[0]} away for {self.length.away_s:.0f} s;"
            f" {len(self.sender.sent)} sent, {refused} of them refused,"
            f" {self.sender.broken} calls broken, {self.sender.repeated} answered ones repeated;"
            f" ended {dict(self.ends)}, deliveries {dict(self.outcomes)},"
            f" notes {dict(self.notes)}; {dict(counted)}"
        )

    def schedule(self) -> str:
        """List the faults in the order and at the times at which they struck, in seconds."""
        return "\n".join(f"{at_s:6.1f} {p.target} at {p.moment}" for at_s, p in self.struck)


@asynccontextmanager
async def finished_relay_campaign(
    postgres: Postgres, folder: Path, *, seed: int, length: Length
) -> AsyncIterator[RelayCampaign]:
    """Give a campaign that has come to its end; a failure inside the block names its seed."""
    async with running_relay_site(postgres, folder, clients()) as site:
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
