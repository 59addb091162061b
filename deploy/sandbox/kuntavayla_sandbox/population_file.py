"""A population written to a file, and said how close it comes to the published figures."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import BinaryIO

from rich.table import Table

from kuntavayla_sandbox.expectation import PILOTS_FROM_ON, Confirmation, load_memberships
from kuntavayla_sandbox.population import Marginal, Marginals, marginals_of

TENTH = 45_000
"""About a tenth of the real first day: 327,000 unemployed and 120,000 in services."""


def write_population(
    lines: Iterable[bytes],
    out: BinaryIO,
    *,
    on: date,
    confirmed: Confirmation = Confirmation.ALL,
) -> Marginals:
    """Write the lines of a legal day as NDJSON and return how close they come.

    Who moves is compared on the pilots' first day alone: the figures are of that day.
    """
    memberships = load_memberships(confirmed=confirmed) if on == PILOTS_FROM_ON else None
    return marginals_of(_written(lines, out), memberships=memberships)


def _written(lines: Iterable[bytes], out: BinaryIO) -> Iterator[bytes]:
    for line in lines:
        out.write(line + b"\n")
        yield line


def marginals_table(marginals: Marginals) -> Table:
    """Return the comparison as a table; fitted rows are marked."""
    table = Table(
        title=f"Synthetic population: {marginals.registrations:,} registrations",
        caption=(
            "published: the figure as it was published; rescaled: a published figure of another "
            "month, brought by us to 2/2021; fitted: an assumption turned to fit, which agrees by "
            "construction (docs/sources.md); fitted to, sanity: a figure of another day, towards "
            "which assumptions were turned.\n"
            f"In no municipality of {marginals.municipalities} do the unemployed differ from the "
            "real count, brought to this size, by more than "
            f"{marginals.municipality_difference_max}."
        ),
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("group", "area", "month", "basis"):
        table.add_column(heading)
    for heading in ("figure", "at this size", "synthetic", "difference"):
        table.add_column(heading, justify="right")
    for row in marginals.rows:
        table.add_row(*_cells(row), style="yellow" if row.basis == "fitted" else None)
    return table


def _cells(row: Marginal) -> tuple[str, ...]:
    difference = row.difference_per_cent
    return (
        row.group,
        row.area,
        row.month,
        row.basis,
        "-" if row.figure is None else f"{row.figure:,}",
        "-" if row.scaled is None else f"{row.scaled:,}",
        f"{row.synthetic:,}",
        "-" if difference is None else f"{difference:+.2f} %",
    )
