"""The whole local stack.

Started in order, published in `stack.json`, watched, stopped in the opposite order.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from starlette.applications import Starlette

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.register import load_register
from kuntavayla.service.running import machine_clock
from kuntavayla.settings import Transport
from kuntavayla.values.calendar import legal_day
from kuntavayla_sandbox import issuer, quota_service, relay_service, routing_service
from kuntavayla_sandbox.backbone import (
    BROKER,
    Backbone,
    keep_to_backbone,
    prepare_topics,
    running_backbone,
)
from kuntavayla_sandbox.broker import Broker
from kuntavayla_sandbox.case_systems import starting as case_systems
from kuntavayla_sandbox.case_systems.configuration import Work
from kuntavayla_sandbox.certificates import make_trust
from kuntavayla_sandbox.clock import WRITTEN_AHEAD, LegalClock, open_clock
from kuntavayla_sandbox.ground import Addresses, Ground, Sockets, addresses_of, keep_clock
from kuntavayla_sandbox.identities import (
    days_ahead,
    load_scopes,
    make_identities,
    organisations_ahead,
)
from kuntavayla_sandbox.processes import Child, Program, end_leftovers
from kuntavayla_sandbox.programs import MODULES, Programs
from kuntavayla_sandbox.routing_service import Memberships
from kuntavayla_sandbox.serving import bind_loopback, served_here
from kuntavayla_sandbox.state import Identity, SecretFile, Stack, StateDirectory
from kuntavayla_sandbox.te_office import starting as te_office

LEGAL_DATE_DEFAULT = date(2021, 3, 1)
"""The day on which the pilots began: Act 1269/2020."""
CLOCK_TICK_S = 1.0

Tell = Callable[[str], None]


class StackPlan(Struct, frozen=True, kw_only=True):
    """What to start.

    The directory, its legal date if it is new, how the register and the case systems behave, which
    way events travel, and by id the address of each receiver that is somebody's own.
    """

    directory: Path
    legal_date: date | None = None
    memberships: Memberships = Memberships.CONFIRMED
    work: Work = Work.ALL
    backbone: Backbone = Backbone()
    receivers: dict[str, str] = {}


class RunningStack:
    """The stack while it runs."""

    def __init__(self, ground: Ground, stack: Stack) -> None:
        self._ground = ground
        self._stack = stack
        self._children: list[Child] = []
        self._is_published = False

    @property
    def stack(self) -> Stack:
        """Return the stack as it is published now."""
        return self._stack

    @property
    def clock(self) -> LegalClock:
        """Return the legal clock."""
        return self._ground.clock

    @property
    def server_pid(self) -> int | None:
        """Return the process id of PostgreSQL."""
        return self._ground.server.pid

    def move_clock(self, to: datetime) -> None:
        """Move the legal clock forward to an instant, for the whole stack; raises ClockGoesOn."""
        reached_at = self.clock.move(to - self.clock())
        keep_clock(self._ground, reached_at=reached_at + WRITTEN_AHEAD)

    async def start(self, program: Program) -> None:
        """Start a process and wait until it is ready."""
        child = Child(program, announce=self._announce)
        await child.start()
        self._children.append(child)
        await child.wait_until_ready()

    async def watch(self) -> None:
        """Keep the processes and the clock's file going until cancelled; raises ProcessEnded."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_clock())
            for child in self._children:
                group.create_task(child.watch())

    async def stop(self) -> None:
        """Stop the processes, the newest first: readers before those that they read."""
        for child in reversed(self._children):
            await child.stop()

    def publish(self) -> None:
        """Write `stack.json`, and from now on again whenever a process starts anew."""
        self._is_published = True
        self._ground.state.write_stack(self._stack)

    def _announce(self, name: str, pid: int) -> None:
        self._stack = replace(self._stack, pids={**self._stack.pids, name: pid})
        if self._is_published:
            self._ground.state.write_stack(self._stack)

    async def _keep_clock(self) -> None:
        while True:
            keep_clock(self._ground, reached_at=self.clock() + WRITTEN_AHEAD)
            await asyncio.sleep(CLOCK_TICK_S)


@asynccontextmanager
async def running_stack(plan: StackPlan, *, tell: Tell) -> AsyncIterator[RunningStack]:
    """Start the stack, run the block, stop the stack cleanly.

    Raises StateFault where the directory cannot be used, NotReady or ProcessEnded where a process
    does not start.
    """
    async with AsyncExitStack() as opened:
        ground = await opened.enter_async_context(_ground(plan, tell=tell))
        running = await opened.enter_async_context(_processes(plan, ground, tell=tell))
        yield running


@asynccontextmanager
async def _ground(plan: StackPlan, *, tell: Tell) -> AsyncIterator[Ground]:
    """Own the directory, end what a killed `up` left, and hold clock and database server open."""
    state = StateDirectory(plan.directory)
    async with AsyncExitStack() as opened:
        opened.enter_context(state.owned())
        has_begun = keep_to_backbone(state, plan.backbone)
        clock, legal_date = open_clock(
            state.clock_file, legal_date=plan.legal_date, default=LEGAL_DATE_DEFAULT
        )
        server = EmbeddedServer(state.path)
        await asyncio.to_thread(end_what_a_killed_stack_left, state, server)
        tell("Starting PostgreSQL")
        await asyncio.to_thread(server.start)
        state.close_to_others()
        opened.push_async_callback(asyncio.to_thread, server.stop)
        kafka, kafka_pid = await opened.enter_async_context(
            running_backbone(plan.backbone, state, tell=tell)
        )
        ground = Ground(
            state=state,
            server=server,
            clock=clock,
            legal_date=legal_date,
            kept=SecretFile(state.path / "secrets.json"),
            kafka=kafka,
            kafka_pid=kafka_pid,
            has_begun=has_begun,
            trust=make_trust(state.path / "tls", now=machine_clock()),
        )
        try:
            yield ground
        finally:
            state.remove_stack()
            keep_clock(ground, reached_at=clock())


def end_what_a_killed_stack_left(state: StateDirectory, server: EmbeddedServer) -> None:
    """Stop the processes, the broker and the database server of a killed `up`, each by its id."""
    left = state.find_stack()
    state.remove_stack()
    if left is not None:
        end_leftovers(left.pids, modules=MODULES)
    Broker(state.path / BROKER).end_what_a_killed_starter_left()
    server.stop()


@asynccontextmanager
async def _processes(plan: StackPlan, ground: Ground, *, tell: Tell) -> AsyncIterator[RunningStack]:
    """Serve the issuer here and run the processes beside; the last stopped is the first started."""
    on = legal_day(ground.clock())
    identities = make_identities(organisations_ahead(load_register(), on=on), kept=ground.kept)
    async with AsyncExitStack() as opened:
        sockets = Sockets(
            **{part: opened.enter_context(bind_loopback()) for part in Sockets.__struct_fields__}
        )
        at = addresses_of(sockets)
        tokens = _issuer_app(ground, at, identities=identities, on=on)
        await opened.enter_async_context(served_here(tokens, listening=sockets.issuer))
        running = RunningStack(ground, _stack(ground, at, identities=identities))
        opened.push_async_callback(running.stop)
        programs = Programs(ground, at, sockets, identities=identities)
        tell("Preparing the databases")
        await _prepare(plan, ground, routing_settings=programs.routing_settings())
        await _prepare_topics(ground, on=on)
        tell("Starting routing-api")
        await running.start(programs.routing())
        tell("Starting the TE offices' receivers and statement-relay")
        await running.start(programs.te_offices())
        await running.start(programs.relay(receivers=plan.receivers))
        tell("Starting quota-ledger")
        await running.start(programs.quota())
        tell("Starting the case systems")
        await running.start(programs.case_systems(on=on, work=plan.work))
        running.publish()
        yield running


def _issuer_app(
    ground: Ground, at: Addresses, *, identities: tuple[Identity, ...], on: date
) -> Starlette:
    return issuer.create_app(
        issuer.Issuer(
            identities,
            issuer=at.issuer,
            signing_key=ground.kept.keep("issuer/signing_key", make=issuer.make_signing_key),
            scopes=load_scopes(on=on),
        )
    )


def _stack(ground: Ground, at: Addresses, *, identities: tuple[Identity, ...]) -> Stack:
    kafka = ground.kafka
    pids = {} if ground.kafka_pid is None else {BROKER: ground.kafka_pid}
    return Stack(
        transport=Transport.FEED if kafka is None else Transport.KAFKA,
        legal_date=ground.legal_date.isoformat(),
        token_url=at.token_url,
        services={
            routing_service.NAME: at.routing_url,
            relay_service.NAME: at.relay_url,
            quota_service.NAME: at.quota_url,
        },
        simulators={
            te_office.NAME: at.te_office,
            te_office.SECURED_NAME: at.te_office_secured,
            case_systems.NAME: at.case_systems,
        },
        databases={
            service.NAME: ground.server.url(service.DATABASE)
            for service in (routing_service, relay_service, quota_service)
        },
        pids=pids,
        identities=identities,
        kafka={"bootstrap": kafka.bootstrap} if kafka else msgspec.UNSET,
    )


async def _prepare(plan: StackPlan, ground: Ground, *, routing_settings: dict[str, str]) -> None:
    """Bring the databases and the register to their state at the start."""
    for part in (routing_service, relay_service, quota_service, te_office, case_systems):
        await part.prepare(ground.server)
    if plan.memberships is Memberships.CONFIRMED:
        for on in days_to_confirm(legal_day(ground.clock())):
            await routing_service.confirm_memberships(routing_settings, on=on)


async def _prepare_topics(ground: Ground, *, on: date) -> None:
    if ground.kafka is not None:
        organisations = organisations_ahead(load_register(), on=on)
        await prepare_topics(ground.kafka, organisations, is_new=ground.has_begun)


def days_to_confirm(today: date) -> list[date]:
    """Return the first day, today or soon, of each membership that the register leaves open."""
    register, known, days = load_register(), set[str](), []
    for day in days_ahead(today):
        codes = {row.municipality_code for row in register.unconfirmed(on=day)}
        if codes - known:
            days.append(day)
        known |= codes
    return days
