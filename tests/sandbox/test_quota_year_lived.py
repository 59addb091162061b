"""A year lived on a stack: one area that runs dry, every act, two appropriations, exact."""

import shutil
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from rich.progress import Progress

from kuntavayla.database.embedded import EmbeddedServer
from kuntavayla.register import load_register
from kuntavayla_sandbox.demo.day_one import DayOne
from kuntavayla_sandbox.population import movers_only
from kuntavayla_sandbox.quota_year.assumptions import load_assumptions
from kuntavayla_sandbox.quota_year.calls import LedgerCalls
from kuntavayla_sandbox.quota_year.generating import generate_year
from kuntavayla_sandbox.quota_year.running import QuotaYear, YearRun, read_clients
from kuntavayla_sandbox.stack import LEGAL_DATE_DEFAULT, StackPlan, running_stack
from tests.sandbox.up_process import KAJAANI, SOTKAMO

PEOPLE = 350
GENERATED = 60_000
ASSUMED = load_assumptions()
GOES_ON = replace(ASSUMED, decided=replace(ASSUMED.decided, continued=500, beyond=500))
"""Whoever can goes on with a start-up grant: there are few of them in so small an area."""
TOLD = (
    "asked beyond the months of the law, turned away",
    "changes that drew more",
    "continue an earlier decision",
    "drawn from two years",
    "overrides approved by another official",
    "overrides covered by an addition",
    "overrides refused",
    "payments above a commitment",
    "payments refused: no such decision",
    "recoveries",
)
ACTS = {"grant", "change", "interrupt", "end", "cancel", "refuse", "expire"}


def write_people(path: Path) -> None:
    movers = movers_only(GENERATED, seed=3, legal_date=LEGAL_DATE_DEFAULT)
    lines = [line for line in movers if SOTKAMO in line or KAJAANI in line][:PEOPLE]
    assert len(lines) == PEOPLE
    path.write_bytes(b"".join(line + b"\n" for line in lines))


async def lived(directory: Path, file: Path) -> YearRun:
    plan = StackPlan(directory=directory, legal_date=LEGAL_DATE_DEFAULT)
    async with running_stack(plan, tell=lambda _: None) as running:
        with Progress(disable=True) as progress:
            await DayOne(running.stack, progress=progress).live_through(file)
        async with httpx.AsyncClient() as client:
            calls = LedgerCalls(running.stack, client=client)
            year = QuotaYear(running, calls, assumed=GOES_ON)
            clients = await read_clients(running, client=client)
            planned = generate_year(
                clients, decisions=PEOPLE, seed=1, assumed=GOES_ON, register=load_register()
            )
            return await year.live(clients, planned, tell=lambda _: None)


@pytest.mark.journey
async def test_a_year_of_an_area_that_runs_dry_is_exact_whatever_is_done_in_it(
    tmp_path: Path,
) -> None:
    directory, file = tmp_path / "stack", tmp_path / "people.ndjson"
    write_people(file)
    try:
        run = await lived(directory, file)
    finally:
        shutil.rmtree(EmbeddedServer(directory).data, ignore_errors=True)

    assert run.books.unequal == []
    assert run.is_right
    assert [what for what in TOLD if not run.books.told[what]] == []
    assert set(run.books.acts) == ACTS
    lapsed = {one["budget_year"]: one["is_lapsed"] for one in run.balances}
    assert lapsed == {2021: True, 2022: False}
