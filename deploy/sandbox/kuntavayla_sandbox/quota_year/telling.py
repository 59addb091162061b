"""The closing tables of the year."""

from rich.console import RenderableType
from rich.table import Table

from kuntavayla_sandbox.quota_year.books import SHOWN_MAX
from kuntavayla_sandbox.quota_year.running import YearRun

CENTS_A_EURO = 100
COLUMNS = ("allocated", "reserved", "committed", "paid", "available")


def year_parts(run: YearRun) -> list[RenderableType]:
    """Return everything that is told at the end of the year."""
    return [
        areas_table(run),
        reasons_table(run),
        speed_line(run),
        *exactness_lines(run),
        verification_line(run),
    ]


def areas_table(run: YearRun) -> Table:
    """Return what is allocated, promised, paid and free in each area, in euros."""
    table = _table(
        "The appropriation of 2021, in euros", "area", "allocated", "reserved", "committed", "paid",
        "free", "refused for want of money",
    )  # fmt: skip
    sums: dict[str, list[int]] = {}
    for balance in run.balances:
        of_area = sums.setdefault(balance["area_code"], [0] * len(COLUMNS))
        for place, name in enumerate(COLUMNS):
            of_area[place] += balance[name]["cents"]
    for area, cents in sorted(sums.items()):
        refused = run.books.refusals[area, "allocation_exhausted"]
        table.add_row(area, *map(_euros, cents), f"{refused:,}")
    total = [sum(column) for column in zip(*sums.values(), strict=True)] or [0] * len(COLUMNS)
    refused = sum(
        n for (_, code), n in run.books.refusals.items() if code == "allocation_exhausted"
    )
    table.add_row("all areas", *map(_euros, total), f"{refused:,}", style="bold")
    return table


def reasons_table(run: YearRun) -> Table:
    """Return how decisions came out, why nothing was reserved, and what was done to them."""
    table = _table("Decisions of the year", "what", "decisions")
    for outcome, count in run.books.outcomes.most_common():
        table.add_row(outcome, f"{count:,}", style="bold")
    codes = sorted({code for _, code in run.books.refusals})
    for code in codes:
        count = sum(n for (_, of), n in run.books.refusals.items() if of == code)
        table.add_row(f"  reason: {code}", f"{count:,}")
    for action, count in sorted(run.books.acts.items()):
        table.add_row(f"  then: {action}", f"{count:,}")
    table.add_row("payments", f"{run.books.payments:,}", style="bold")
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
    compared = f"{run.decisions:,} answers and {len(run.balances)} balances added up"
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
