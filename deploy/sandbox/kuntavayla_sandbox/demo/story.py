"""The demo from its first line to its last.

Population, stack, day one and its closing table, the week, the stories of one person, the check.
"""

import asyncio
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.register import load_register
from kuntavayla.values.calendar import legal_day
from kuntavayla_sandbox import closing
from kuntavayla_sandbox.backbone import Backbone
from kuntavayla_sandbox.demo.calling import Calls
from kuntavayla_sandbox.demo.checking import Checker
from kuntavayla_sandbox.demo.day_one import Day, DayOne
from kuntavayla_sandbox.demo.reconciling import reconcile_all
from kuntavayla_sandbox.demo.relay_stories import RelayStories
from kuntavayla_sandbox.demo.stories import Narrator, aino
from kuntavayla_sandbox.demo.told import Arranged, Told
from kuntavayla_sandbox.demo.week import REJECTED_KINDS, WeekOfInformation, WeekRun, check_week
from kuntavayla_sandbox.expectation import Confirmation, load_memberships
from kuntavayla_sandbox.population import Marginals, generate
from kuntavayla_sandbox.population_file import marginals_table, write_population
from kuntavayla_sandbox.quota_year.assumptions import load_assumptions
from kuntavayla_sandbox.quota_year.calls import LedgerCalls
from kuntavayla_sandbox.quota_year.generating import generate_year
from kuntavayla_sandbox.quota_year.running import QuotaYear, YearRun, read_clients
from kuntavayla_sandbox.quota_year.telling import year_parts
from kuntavayla_sandbox.routing_service import Memberships
from kuntavayla_sandbox.simulators import iterate_clients, load_status
from kuntavayla_sandbox.stack import (
    LEGAL_DATE_DEFAULT,
    RunningStack,
    StackPlan,
    end_what_a_killed_stack_left,
    running_stack,
)
from kuntavayla_sandbox.state import StackAlreadyRunning, StateDirectory, StateFault, open_private
from kuntavayla_sandbox.week import Week

MARK = "made-by-the-demo"
"""A file that says: this directory was made by the demo, the next one may begin anew in it."""
BYTES_A_MIB = 1024 * 1024
CONFIRMATION = {
    Memberships.CONFIRMED: Confirmation.ALL,
    Memberships.AS_PUBLISHED: Confirmation.AS_PUBLISHED,
}


class DemoPlan(Struct, frozen=True, kw_only=True):
    """How large the day and the week are, by which seed, where, on which register, by which way.

    `decisions` are those on the first appropriations. `keeps` leaves the stack up at the end.
    """

    directory: Path
    registrations: int
    items: int
    seed: int
    memberships: Memberships
    keeps: bool
    decisions: int = 0
    backbone: Backbone = Backbone()


class DirectoryInUse(StateFault):
    """The directory holds something that the demo did not make."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"{directory} holds data that are not the demo's; day one begins on an empty directory."
        )


async def tell_the_story(plan: DemoPlan, *, console: Console) -> int:
    """Run the demo; return 0 where the check holds, else 1."""
    begin_anew(plan.directory)
    file = plan.directory / "day-one.ndjson"
    console.print(f"Day one, 1.3.2021, with {plan.registrations:,} synthetic registrations.")
    making = asyncio.create_task(asyncio.to_thread(_make_population, plan, file))
    stack_plan = StackPlan(
        directory=plan.directory,
        legal_date=LEGAL_DATE_DEFAULT,
        memberships=plan.memberships,
        backbone=plan.backbone,
    )
    async with running_stack(stack_plan, tell=console.print) as running:
        marginals = await making
        watching = asyncio.create_task(running.watch())
        try:
            is_right = await _live_through(plan, running, marginals=marginals, console=console)
            if plan.keeps:
                console.print("The stack stays up; Ctrl-C stops it.")
                with suppress(asyncio.CancelledError):
                    await watching
        finally:
            watching.cancel()
    _tell_what_is_left(plan, console=console)
    return 0 if is_right else 1


def _tell_what_is_left(plan: DemoPlan, *, console: Console) -> None:
    """Say where the data stay, how large they are, and how to look into a running stack."""
    folders = {plan.directory, EmbeddedServer(plan.directory).data}
    files = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    size_mib = sum(file.stat().st_size for file in files) // BYTES_A_MIB
    again = f"kuntavayla demo --keep --state {plan.directory}"
    if not plan.keeps:
        console.print(f"The stack is down. To look around in it, with calls to try: {again}")
    console.print(
        f"The day's data stay in {plan.directory}, {size_mib:,} MiB, until the next demo there;"
        f" kuntavayla up --state {plan.directory} goes on with them.",
        highlight=False,
    )


def begin_anew(directory: Path) -> None:
    """Empty the demo's own directory; raises DirectoryInUse where it is somebody else's."""
    if StateDirectory(directory).is_owned():
        raise StackAlreadyRunning(directory)
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARK).exists():
            raise DirectoryInUse(directory)
        server = EmbeddedServer(directory)
        end_what_a_killed_stack_left(StateDirectory(directory), server)
        shutil.rmtree(server.data, ignore_errors=True)
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARK).touch()


async def _live_through(
    plan: DemoPlan, running: RunningStack, *, marginals: Marginals, console: Console
) -> bool:
    file = plan.directory / "day-one.ndjson"
    with _progress(console) as progress:
        day = await DayOne(running.stack, progress=progress).live_through(file)
    async with httpx.AsyncClient() as client:
        checker = await _check(plan, running, day=day, client=client)
        verdict = checker.finish()
        reconciled = await reconcile_all(running.stack, client=client)
        on = legal_day(running.clock())
        closing.print_closing(
            console,
            closing.stages_table(day),
            closing.decisions_table(day),
            closing.areas_table(checker.by_municipality, register=load_register(), on=on),
            closing.memory_table(running.stack.pids),
            marginals_table(marginals),
            closing.sanity_line(checker.unemployed_moved, marginals=marginals),
            *closing.verdict_lines(verdict),
            closing.reconciled_line(reconciled),
        )
        calls = Calls(running.stack, client=client)
        run = await _live_the_week(plan, running, client=client, console=console)
        stories = RelayStories(running, calls, tell=partial(console.print, highlight=False))
        decision = await _tell_of_aino(running, calls, stories=stories, console=console)
        arranged = Arranged(rejected_kinds=REJECTED_KINDS, flawed=stories.flawed)
        told = await check_week(running.stack, client=client, arranged=arranged)
        _close_the_week(run, told, running=running, console=console)
        year = await _live_the_year(plan, running, client=client, console=console)
        if plan.keeps:
            narrator = Narrator(calls, console=console)
            await narrator.tell_the_way(decision, directory=plan.directory)
    is_told = told.is_right and told.is_settled
    return verdict.is_right and reconciled.is_equal and is_told and year.is_right


async def _live_the_week(
    plan: DemoPlan, running: RunningStack, *, client: httpx.AsyncClient, console: Console
) -> WeekRun:
    week = Week(starts_on=LEGAL_DATE_DEFAULT, items=plan.items, seed=plan.seed)
    console.print(f"The week after: {week.items:,} items of municipal information.")
    console.print(closing.way_line(running.stack.transport))
    with _progress(console) as progress:
        return await WeekOfInformation(
            running.stack, client=client, progress=progress
        ).live_through(week)


async def _live_the_year(
    plan: DemoPlan, running: RunningStack, *, client: httpx.AsyncClient, console: Console
) -> YearRun:
    """Allocate, decide and add up the first appropriations; print its closing tables."""
    assumed = load_assumptions()
    year = QuotaYear(running, LedgerCalls(running.stack, client=client), assumed=assumed)
    clients = await read_clients(running, client=client)
    planned = generate_year(
        clients,
        decisions=plan.decisions,
        seed=plan.seed,
        assumed=assumed,
        register=load_register(),
    )
    console.print(
        f"The appropriations of 2021 and 2022: {len(planned):,} decisions of the case systems."
    )
    run = await year.live(clients, planned, tell=partial(console.print, highlight=False))
    closing.print_closing(console, *year_parts(run), closing.memory_table(running.stack.pids))
    return run


async def _tell_of_aino(
    running: RunningStack, calls: Calls, *, stories: RelayStories, console: Console
) -> dict[str, Any]:
    """Tell the stories of one person, from the decision on; return the decision."""
    narrator, now = Narrator(calls, console=console), running.clock()
    await stories.hold_news_back()
    decision = await narrator.tell_the_decision(
        aino(registered_at=now, effective_on=legal_day(now))
    )
    await narrator.tell_the_refusal(decision)
    await stories.tell_all(decision["client_id"])
    return decision


def _close_the_week(run: WeekRun, told: Told, *, running: RunningStack, console: Console) -> None:
    closing.print_closing(
        console,
        closing.week_table(told),
        closing.away_line(run, told),
        *closing.told_lines(told),
        closing.memory_table(running.stack.pids),
    )


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


async def _check(
    plan: DemoPlan, running: RunningStack, *, day: Day, client: httpx.AsyncClient
) -> Checker:
    checker = Checker(load_memberships(confirmed=CONFIRMATION[plan.memberships]))
    await asyncio.to_thread(checker.read_file, day.file.path, answers=day.answers)
    url = running.stack.simulators["case-systems"]
    fleet = await load_status(client, url)
    for system in fleet.case_systems:
        clients = iterate_clients(client, url, case_system_id=system.case_system_id)
        await checker.read_holdings(system.case_system_id, clients)
    return checker


def _make_population(plan: DemoPlan, file: Path) -> Marginals:
    lines = generate(plan.registrations, seed=plan.seed, legal_date=LEGAL_DATE_DEFAULT)
    with open_private(file) as out:
        confirmed = CONFIRMATION[plan.memberships]
        return write_population(lines, out, on=LEGAL_DATE_DEFAULT, confirmed=confirmed)
