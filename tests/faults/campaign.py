"""One campaign: steady traffic, readers and faults over a stack, all drawn from one seed."""

import asyncio
import random
import shutil
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from kuntavayla.settings import Transport
from tests.faults import checking, disturbed, inbound, outside, points, telling, topics
from tests.faults.broker import running_broker
from tests.faults.checking import Stored
from tests.faults.disturbed import DisturbedConsumer
from tests.faults.expected import Client, clients_of
from tests.faults.inbound import InboundSender
from tests.faults.outside import Outside
from tests.faults.points import Point
from tests.faults.reader import FeedReader, check_reader, own_events
from tests.faults.refused import EXPECTED, RefusedCaller
from tests.faults.sender import Sender
from tests.faults.signals import CountedSignals
from tests.faults.site import DAY_ONE, TOKEN_LIFETIME, Site
from tests.faults.stack import Stack, running_stack
from tests.faults.waiting import until

NOT_TRIED = "NOT TRIED: a full disk, which takes the right to mount a file system of its own"
READERS = ("cs-sotkamo", "te-kainuu")
FINISHED_S_MAX = 60
DRAINED_S_MAX = 120
CAUGHT_UP_S_MAX = 60
TOKENS_ENDED_S_MAX = 2 * TOKEN_LIFETIME.total_seconds()


class Campaign:
    """One run, and what it all came to."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.stack = stack
        self.seed = seed
        self.transport = Transport.FEED if stack.broker is None else Transport.KAFKA
        self.rng = random.Random(seed)
        self.signals = CountedSignals()
        self.sender = Sender(stack, random.Random(seed + 1), self.signals)
        self.readers = [FeedReader(stack, name, self.signals) for name in READERS]
        self.disturbed = [
            DisturbedConsumer(stack, name, random.Random(f"{seed} {name}"))
            for name in disturbed.NAMES
        ]
        self.inbound = InboundSender(stack, random.Random(seed + 2))
        self.refused = RefusedCaller(stack, random.Random(seed + 3))
        self.struck: list[tuple[float, Point]] = []
        self.phases_s: list[float] = []
        self.clients: dict[int, Client] = {}
        self._began_s = time.monotonic()

    async def run(self) -> None:
        """Strike every point under traffic, then let all of it come to its end."""
        await disturbed.prepare(self.stack.postgres)
        reading = [asyncio.create_task(reader.run()) for reader in self.readers]
        reading += [asyncio.create_task(consumer.run()) for consumer in self.disturbed]
        sending = [asyncio.create_task(each.run()) for each in (self.sender, self.refused)]
        acknowledging = []
        if self.stack.broker is not None:
            acknowledging.append(asyncio.create_task(self.inbound.run()))
        try:
            await self._strike_all()
            self.sender.finish()
            self.refused.finish()
            async with asyncio.timeout(FINISHED_S_MAX):
                await asyncio.gather(*sending)
            # Only now is it known what there is to acknowledge by topic.
            self.inbound.finish()
            async with asyncio.timeout(FINISHED_S_MAX):
                await asyncio.gather(*acknowledging)
            self._note_phase()
            await self._drained()
            self._note_phase()
        finally:
            tasks = (*sending, *acknowledging, *reading)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _note_phase(self) -> None:
        self.phases_s.append(time.monotonic() - self._began_s)

    async def _strike_all(self) -> None:
        """Strike at the processes, at the link to them and at the broker, all at the same time."""
        if self.stack.broker is None:
            drawn = [points.draw(self.rng, points.POINTS)]
        else:
            pause_s_max = points.PAUSE_S_MAX_OVER_BROKER
            drawn = [
                points.draw(self.rng, points.POINTS_OVER_BROKER, pause_s_max=pause_s_max),
                points.draw(self.rng, points.BROKER_POINTS),
            ]
        drawn.append(points.draw(self.rng, points.FEED_LINK_POINTS))
        await asyncio.gather(*map(self._strike, drawn))
        await self._tokens_ended()
        self._note_phase()

    async def _tokens_ended(self) -> None:
        """Let the traffic go on until every caller's token has ended once, also in a short run."""

        async def is_over() -> bool:
            return not any(self._unended())

        with suppress(TimeoutError):  # Whose has not is named by the checks.
            await until(is_over, within_s=TOKENS_ENDED_S_MAX, poll_s=0.2)

    def _unended(self) -> Iterator[str]:
        for name in ("te-national", *READERS):
            if not self.stack.callers[name].renewals:
                yield name

    async def _strike(self, drawn: Sequence[Point]) -> None:
        for point in drawn:
            await points.strike(self.stack, point, signals=self.signals, rng=self.rng)
            self.struck.append((time.monotonic() - self._began_s, point))

    async def _drained(self) -> None:
        """Return when everything has been read by everybody, or raise TimeoutError."""
        broker = self.stack.broker
        ends = {} if broker is None else await topics.list_ends(broker.connection, outside.INBOUND)

        async def is_read() -> bool:
            return await inbound.is_read(self.stack.postgres, ends)

        # Answers to records are events of their own, so the records are read first.
        await until(is_read, within_s=DRAINED_S_MAX, poll_s=0.2)
        await self.stack.drained(within_s=DRAINED_S_MAX)
        await self._readers_caught_up()

    async def _readers_caught_up(self) -> None:
        """Return when all readers have had as many events as there are, or not in time."""
        stored = await checking.load_stored(self.stack.postgres)
        missing = {reader: len(own_events(reader, stored)) for reader in self.readers}
        recipients = {each.recipient: each.consumer for each in self.disturbed}
        counts = Counter(
            recipients.get(row["recipient"]) for row in stored.outbox if row["channel"] == "common"
        )

        async def is_level() -> bool:
            had = await self.stack.postgres.fetch(*disturbed.COUNTS)
            effects = {row["consumer"]: row["count"] for row in had}
            return all(len(reader.events) >= count for reader, count in missing.items()) and all(
                effects.get(name, 0) >= counts[name] for name in recipients.values()
            )

        with suppress(TimeoutError):  # Who is short of events is named by the checks.
            await until(is_level, within_s=CAUGHT_UP_S_MAX, poll_s=0.2)

    async def load_outside(self) -> Outside:
        """Read what is left outside the checked tables."""
        broker = self.stack.broker
        return await outside.load_outside(
            self.stack.postgres,
            records=None if broker is None else await topics.load_records(broker.connection),
            sent=self.inbound.sent,
            logs=self.stack.logs.glob("*.log"),
        )

    def violations(self, stored: Stored, left: Outside) -> Iterator[str]:
        """Yield everything that is missing, doubled, out of order or was answered wrongly."""
        for check in self.checks(stored, left).values():
            yield from check()

    def checks(self, stored: Stored, left: Outside) -> dict[str, Callable[[], Iterable[str]]]:
        """Return the checks by what each of them looks at."""
        clients = self.clients = self.clients or clients_of(self.sender.sent.values())
        consumers = {each.consumer: each.recipient for each in self.disturbed}
        codes = {line.identity_code for line in self.sender.sent.values()}
        answers, by_topic = self.sender.answers, self.stack.by_topic
        return {
            "disturbances": self._check_disturbances,
            "answers": lambda: self.sender.complaints,
            "refusals": self._check_refusals,
            "registrations": lambda: checking.check_registrations(stored, clients, answers),
            "idempotency keys": lambda: checking.check_keys(stored, self.sender.keyed),
            "clienthoods": lambda: checking.check_clienthoods(stored, clients),
            "effects": lambda: checking.check_effects(stored, clients, by_topic=by_topic),
            "outbox": lambda: checking.check_outbox(stored, clients),
            "order of transfers": lambda: telling.check_order(stored),
            "offices": lambda: telling.check_offices(stored, clients),
            "audit": lambda: checking.check_audit(stored),
            "seal of the audit": lambda: left.seal,
            "topics": lambda: outside.check_topics(stored, left),
            "inbound": lambda: outside.check_inbound(stored, left),
            "by topic": lambda: outside.check_by_topic(stored, left, by_topic),
            "disturbed consumers": lambda: outside.check_disturbed(stored, left, consumers),
            "readers": lambda: self._check_readers(stored),
            "secrecy": lambda: outside.check_secrecy(stored, left, codes | inbound.GARBAGE_CODES),
        }

    def _check_disturbances(self) -> Iterator[str]:
        """Whatever disturbs the traffic beside the points has happened, each kind of it."""
        if not self.sender.broken:
            yield "no call was broken"
        for name in self._unended():
            yield f"no token of {name} has ended"
        for consumer in self.disturbed:
            yield from consumer.missing()
        if self.stack.broker is not None:
            yield from self.inbound.missing()

    def _check_refusals(self) -> Iterator[str]:
        """Every kind of bad call was refused, and none was answered in any other way."""
        yield from self.refused.complaints
        for kind in EXPECTED:
            if not self.refused.refused[kind]:
                yield f"no call was refused for being {kind}"

    def _check_readers(self, stored: Stored) -> Iterator[str]:
        for reader in self.readers:
            yield from reader.complaints
            yield from check_reader(reader, stored)

    async def found(self) -> list[str]:
        """Check everything that is stored and left."""
        stored, left = await checking.load_stored(self.stack.postgres), await self.load_outside()
        found = [*self.violations(stored, left)]
        print(self.row(stored, left, found))
        return found

    async def keep_evidence(self, folder: Path) -> None:
        """Keep what is stored and what the server logged, for who looks into a failure."""
        stored = await checking.load_stored(self.stack.postgres)
        (folder / "stored.json").write_bytes(stored.dumped())
        shutil.copy(self.stack.postgres.server.data / "log", folder / "postgres.log")

    def fallen(self) -> int:
        """Return how many points fell in their moment."""
        return len(self.struck) - self.signals.missed

    def row(self, stored: Stored, left: Outside, found: Sequence[str]) -> str:
        """Return the campaign as a row: transport, seed, faults, sent, events, checks, seconds."""
        cells = (
            self.transport.value,
            self.seed,
            len(self.struck),
            f"{len(self.sender.sent)} + {len(left.sent)} records",
            f"{len(stored.outbox)} ({len(left.records)} records on topics)",
            f"{len(self.checks(stored, left))}, {len(found)} violations",
            round(self.phases_s[-1]),
        )
        return f"| {' | '.join(map(str, cells))} |"

    def told(self) -> str:
        """Say what happened, for who reads the run."""
        counted = Counter(f"{point.target} at {point.moment}" for _, point in self.struck)
        phases = ", ".join(f"{phase:.0f} s" for phase in self.phases_s)
        garbage = sum(sent.kind.startswith("garbage") for sent in self.inbound.sent.values())
        disturbances = [each.streams.counts for each in self.disturbed if each.streams is not None]
        renewed = {name: each.renewals for name, each in self.stack.callers.items()}
        return (
            f"SEED={self.seed} TRANSPORT={self.transport.value}:"
            f" struck, sent, drained after {phases};"
            f" {len(self.struck)} points, {self.signals.missed} missed their moment,"
            f" {len(self.sender.sent)} registrations,"
            f" {self.sender.broken} calls broken; {len(self.inbound.sent)} inbound records,"
            f" {garbage} of them garbage, {self.inbound.broken} writes broken;"
            f" refused {dict(self.refused.refused)};"
            f" renewed {renewed};"
            f" disturbed {disturbances}; {dict(counted)}; {NOT_TRIED}"
        )

    def schedule(self) -> str:
        """List the faults in the order and at the times at which they struck, in seconds."""
        return "\n".join(
            f"{at_s:6.1f} {point.target} at {point.moment}"
            f" (+{point.later_s:.3f}, for {point.lasts_s:.1f})"
            for at_s, point in self.struck
        )


@asynccontextmanager
async def finished_campaign(
    site: Site, folder: Path, *, seed: int, transport: Transport = Transport.FEED
) -> AsyncIterator[Campaign]:
    """Give a campaign that has come to its end; a failure inside the block names its seed."""
    async with AsyncExitStack() as opened:
        broker = None
        if transport is Transport.KAFKA:
            broker = await opened.enter_async_context(
                running_broker(folder / "kafka", on=DAY_ONE.date())
            )
        stack = await opened.enter_async_context(running_stack(site, broker=broker))
        campaign = Campaign(stack, seed)
        try:
            await campaign.run()
            yield campaign
        except BaseException as error:
            error.add_note(
                f"{campaign.told()}\n{campaign.schedule()}\nlogs in {stack.logs}, rows in {folder}"
            )
            # At once, not only behind the last campaign of a long run.
            traceback.print_exception(error)
            await campaign.keep_evidence(folder)
            raise
        print(campaign.told())
