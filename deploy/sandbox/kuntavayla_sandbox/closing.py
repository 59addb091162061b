"""The closing table of day one.

What was sent, decided, transferred, taken over; how fast, and whether it is right.
"""

import os
from collections import Counter
from collections.abc import Mapping
from datetime import date

from rich.console import Console, RenderableType
from rich.table import Table

from kuntavayla.register import Register
from kuntavayla.settings import Transport
from kuntavayla_sandbox.demo.checking import Verdict
from kuntavayla_sandbox.demo.day_one import Day
from kuntavayla_sandbox.demo.reconciling import Reconciled
from kuntavayla_sandbox.demo.told import Told
from kuntavayla_sandbox.demo.week import WeekRun
from kuntavayla_sandbox.population import Marginals
from kuntavayla_sandbox.processes import peak_memory_mib, processor_s

REAL_UNEMPLOYED_CLIENTS = 162_100
"""Unemployed pilot clients at the end of March 2021: docs/sources.md, from the ministry's page of
3/2022.
"""
SANITY_GROUP = "unemployed_moved"
UNKNOWN_AREA = ""


def _table(title: str, *headings: str, numbers: int) -> Table:
    """Return an empty table whose last `numbers` columns are numbers."""
    table = Table(title=title, title_justify="left")
    for index, heading in enumerate(headings):
        is_number = index >= len(headings) - numbers
        table.add_column(heading, justify="right" if is_number else "left")
    return table


def stages_table(day: Day) -> Table:
    """Return how many passed each stage, in how long, at what rate."""
    table = _table("Day one", "stage", "registrations", "seconds", "per second", numbers=3)
    for stage in day.stages:
        rate = f"{stage.count / stage.seconds:,.0f}" if stage.seconds else "-"
        table.add_row(stage.name, f"{stage.count:,}", f"{stage.seconds:.1f}", rate)
    rate = f"{day.file.lines / day.seconds:,.0f}" if day.seconds else "-"
    table.add_row("in all", f"{day.file.lines:,}", f"{day.seconds:.1f}", rate, style="bold")
    return table


def decisions_table(day: Day) -> Table:
    """Return what was decided, by outcome and by the rule that decided."""
    counts = Counter(
        ("no answer", "-") if answer is None else (answer.outcome, answer.decided_by)
        for answer in day.answers
    )
    outcomes = Counter[str]()
    for (outcome, _), count in counts.items():
        outcomes[outcome] += count
    table = _table("Decided", "outcome", "by", "registrations", numbers=1)
    for outcome, total in outcomes.most_common():
        table.add_row(outcome, "", f"{total:,}", style="bold")
        for (of, rule), count in sorted(counts.items()):
            if of == outcome:
                table.add_row("", rule, f"{count:,}")
    return table


def areas_table(by_municipality: Mapping[str, int], *, register: Register, on: date) -> Table:
    """Return how many clients the case systems of each area hold.

    A municipality of no area is shown as such: what it means is the check's to tell.
    """
    areas, names = Counter[str](), {UNKNOWN_AREA: "unknown municipality"}
    for municipality_code, count in by_municipality.items():
        membership = register.membership(municipality_code, on=on)
        if membership is None:
            areas[UNKNOWN_AREA] += count
            continue
        areas[membership.area_code] += count
        names[membership.area_code] = membership.area_name_fi
    table = _table("Transferred", "area", "clients", numbers=1)
    for area_code, count in sorted(areas.items(), key=lambda item: names[item[0]]):
        table.add_row(names[area_code], f"{count:,}")
    table.add_row("all areas", f"{areas.total():,}", style="bold")
    return table


def memory_table(pids: Mapping[str, int]) -> Table:
    """Return peak memory and processor time of our own processes; PostgreSQL is not among them."""
    table = _table("Peak memory", "process", "MiB", "processor seconds", numbers=2)
    for name, pid in {**pids, "demo, sender and issuer": os.getpid()}.items():
        used_s = processor_s(pid)
        spent = "-" if used_s is None else f"{used_s:.1f}"
        table.add_row(name, str(peak_memory_mib(pid) or "-"), spent)
    return table


def sanity_line(unemployed_moved: int, *, marginals: Marginals) -> str:
    """Return how many unemployed clients moved beside the real figure, at this population's size.

    It shows that nothing went amiss on the way; it proves nothing about the population.
    """
    [row] = [row for row in marginals.rows if row.group == SANITY_GROUP]
    return (
        f"Unemployed clients moved, by what was decided: {unemployed_moved:,}. The real figure at "
        f"the end of March 2021 is {REAL_UNEMPLOYED_CLIENTS:,}, at this size {row.scaled or 0:,}; "
        "the population was fitted to it."
    )


def reconciled_line(reconciled: Reconciled) -> str:
    """Return how the case systems' own lists compare with the service's."""
    told = (
        f"{reconciled.case_systems} case systems sent their lists: {reconciled.theirs:,} clients "
        f"there, {reconciled.ours:,} in the service"
    )
    if reconciled.is_equal:
        return f"[green]Reconciled, no difference[/green] ({told})."
    names = ", ".join(reconciled.differing)
    return f"[red]Not equal: the lists of {names}[/red] ({told})."


def verdict_lines(verdict: Verdict) -> list[RenderableType]:
    """Return the check's outcome in a sentence, with the first differences where there are any."""
    compared = f"{verdict.lines_compared:,} lines and {verdict.clients_compared:,} clients compared"
    if verdict.is_right:
        return [
            f"[green]Every client sent is where the law puts it, exactly once[/green] ({compared})."
        ]
    table = _table(
        f"The first of {verdict.differences:,} differences",
        "what",
        "line of the file",
        "expected",
        "found",
        numbers=0,
    )
    for difference in verdict.shown:
        line = "-" if difference.line is None else str(difference.line)
        table.add_row(difference.what, line, difference.expected, difference.found)
    failed = f"Not every client is where the law puts it: {verdict.differences:,} differences"
    return [f"[red]{failed}[/red] ({compared}).", table]


def week_table(told: Told) -> Table:
    """Return what became of the week's items, and of those of the stories."""
    table = _table("The week's information", "", "items", numbers=1)
    rows = {
        "sent": told.standing.total(),
        "delivered": told.standing["delivered"],
        "withdrawn before it was sent on": told.standing["withdrawn"],
        "not relayed: the municipality issues": told.standing["not_relayed"],
        "waiting": told.standing["waiting"] + told.standing["to send"],
        "rejected": told.standing["rejected"],
        "parked": told.standing["parked"],
        "refused, with what is wrong": told.standing["refused"],
        "late": told.late,
        "held by the TE offices": told.held,
        "repeats that they met": told.repeats,
        "proofs checked": told.proofs,
    }
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    return table


def way_line(transport: str) -> str:
    """Return which way the case systems send their information."""
    by_call = "what is about people with a security ban, corrections and withdrawals"
    if transport == Transport.KAFKA:
        return f"New items go by each case system's topic; over HTTP goes {by_call}."
    return "It goes over HTTP, many items a call."


def away_line(week: WeekRun, told: Told) -> str:
    """Return how long one receiver was away, what waited then, and how long it took to catch up."""
    rate = f"{week.items / week.seconds:,.0f}" if week.seconds else "-"
    return (
        f"{week.items:,} items in {week.seconds:.1f} s ({rate} per second). The receiver of"
        f" {week.away} was away for the first {week.away_s:.1f} s;"
        f" {week.waited_at_return:,} items waited when it came back,"
        f" and all was settled {week.drained_s:.1f} s later. That of {week.forgetful} kept items"
        f" and lost answers: {told.repeats:,} repeats came there."
        f" That of {week.slow} gave its receipts later, that of {week.strict} rejected one kind:"
        f" {told.standing['rejected']:,} items, of which the municipalities know."
    )


def told_lines(told: Told) -> list[RenderableType]:
    """Return the week's check in a sentence, with the first differences where there are any."""
    compared = f"{told.held:,} items of {told.clients:,} clients compared byte by byte"
    if told.is_right and told.is_settled:
        return [f"[green]Nothing lost, nothing doubled, nothing out of order[/green] ({compared})."]
    if told.is_right:
        return [f"[red]Not every item has come to its end[/red] ({compared})."]
    table = _table(
        f"The first of {told.differences:,} differences",
        "what",
        "municipal id",
        "expected",
        "found",
        numbers=0,
    )
    for unlike in told.shown:
        table.add_row(unlike.what, unlike.municipal_id, unlike.expected, unlike.found)
    failed = f"The TE offices do not hold what was told: {told.differences:,} differences"
    return [f"[red]{failed}[/red] ({compared}).", table]


def print_closing(console: Console, *parts: RenderableType) -> None:
    """Print the parts with a line between them."""
    for part in parts:
        console.print(part)
        console.print()
