"""The report of a trial, as a table."""

from collections.abc import Sequence

from rich.table import Table

from kuntavayla_sandbox.conformance.trying import Finding, Result

STYLES = {Result.KEPT: "green", Result.BROKEN: "bold red", Result.NOT_TRIED: "yellow"}


def report_table(findings: Sequence[Finding]) -> Table:
    """Return one row per promise: whether it is kept, else what was expected and what came."""
    table = Table(title="Receiver contract", title_justify="left")
    for heading in ("promise", "result", "expected", "found"):
        table.add_column(heading)
    for finding in findings:
        table.add_row(
            finding.promise.sentence,
            finding.result,
            finding.expected,
            finding.found,
            style=STYLES[finding.result],
        )
    return table


def summary_line(findings: Sequence[Finding]) -> str:
    """Return how many promises were kept, broken and not tried."""
    counts = {result: sum(finding.result is result for finding in findings) for result in Result}
    told = ", ".join(f"{count} {result}" for result, count in counts.items())
    return f"{len(findings)} promises: {told}."
