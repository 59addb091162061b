"""The closing tables of the year."""

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from kuntavayla_sandbox.quota_year.books import EXHAUSTED, SHOWN_MAX
from kuntavayla_sandbox.quota_year.running import YearRun

CENTS_A_EURO = 100
COLUMNS = ("allocated", "lapsed", "reserved", "committed", "paid", "available")


def year_parts(run: YearRun) -> list[RenderableType]:
    """Return everything that is told at the end of the year."""
    return [
        areas_table(run),
        years_table(run),
        reasons_table(run),
        speed_line(run),
        *exactness_lines(run),
        verification_line(run),
    ]


def areas_table(run: YearRun) -> Table:
    """Return what is allocated, lapsed, promised, paid and free in each area, in euros."""
    table = _table(
        "The appropriations by area, in euros", "area", "allocated", "lapsed", "reserved",
        "committed", "paid", "free", "refused",
    )  # fmt: skip
    sums = _sums(run, "area_code", COLUMNS)
    for area, cents in sorted(sums.items()):
        refused = run.books.refusals[area, EXHAUSTED]
        table.add_row(area, *map(_euros, cents), f"{refused:,}")
    total = [sum(column) for column in zip(*sums.values(), strict=True)] or [0] * len(COLUMNS)
    refused = sum(n for (_, code), n in run.books.refusals.items() if code == EXHAUSTED)
    table.add_row("all areas", *map(_euros, total), f"{refused:,}", style="bold")
    table.caption = "refused: decisions for which too little was free"
    return table


def years_table(run: YearRun) -> Table:
    """Return what became of each appropriation, in euros: the older is drawn first, and lapses."""
    columns = ("allocated", "overridden", "committed", "paid", "paid_excess", "lapsed", "available")
    table = _table(
        "The appropriations by year, in euros", "year", "allocated", "overridden", "committed",
        "paid", "above commitments", "lapsed", "free",
    )  # fmt: skip
    for year, cents in sorted(_sums(run, "budget_year", columns).items()):
        table.add_row(str(year), *map(_euros, cents))
    return table


def _sums(run: YearRun, member: str, columns: Sequence[str]) -> dict[Any, list[int]]:
    """Return the sums of balances by a member of theirs, column by column."""
    sums: dict[Any, list[int]] = {}
    for balance in run.balances:
        of_one = sums.setdefault(balance[member], [0] * len(columns))
        for place, name in enumerate(columns):
            of_one[place] += balance[name]["cents"]
    return sums


def reasons_table(run: YearRun) -> Table:
    """Return how decisions came out, why nothing was reserved, and what was done to them."""
    table = _table("Decisions of the year", "what", "count")
    for outcome, count in run.books.outcomes.most_common():
        table.add_row(outcome, f"{count:,}", style="bold")
    codes = sorted({code for _, code in run.books.refusals})
    for code in codes:
        count = sum(n for (_, of), n in run.books.refusals.items() if of == code)
        table.add_row(f"  reason: {code}", f"{count:,}")
    for action, count in sorted(run.books.acts.items()):
        table.add_row(f"  then: {action}", f"{count:,}")
    table.add_row("payments and recoveries", f"{run.books.payments:,}", style="bold")
    for what, count in sorted((+run.books.told).items()):
        table.add_row(f"  {what}", f"{count:,}")
    return table


def speed_line(run: YearRun) -> str:
    """Return how fast decisions were made, the senders' own work included."""
    rate = f"{run.decisions / run.deciding_s:,.0f}" if run.deciding_s else "-"
    return (
        f"{run.decisions:,} decisions in {run.deciding_s:.1f} s of bulk calls ({rate} per second)."
    )


def exactness_lines(run: YearRun) -> list[RenderableType]:
    """Return whether all adds up, with the first of what does not."""
    books = run.books
    compared = (
        f"{run.decisions:,} decisions, {sum(books.acts.values()):,} acts, {books.payments:,}"
        f" payments and recoveries and {len(run.balances)} balances, cents and persons"
    )
    if books.is_exact:
        return [f"[green]Exact to the cent, nothing promised twice[/green] ({compared})."]
    table = _table(f"The first of {len(books.unequal):,} differences", "what", "of", "expected")
    table.add_column("found")
    for one in books.unequal[:SHOWN_MAX]:
        table.add_row(one.what, one.of, one.expected, one.found)
    return [
        f"[red]It does not add up: {len(books.unequal):,} differences[/red] ({compared}).",
        table,
    ]


def verification_line(run: YearRun) -> str:
    """Return what the service's own verification found."""
    found = run.verification
    read = (
        f"{found['account_count']:,} accounts, {found['entry_count']:,} entries, "
        f"{found['decision_count']:,} decisions computed anew by the service"
    )
    if found["is_intact"]:
        return f"[green]Verified, no difference[/green] ({read})."
    return f"[red]Verified: {found['difference_count']:,} differences[/red] ({read})."


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _euros(cents: int) -> str:
    return f"{cents / CENTS_A_EURO:,.0f}"
