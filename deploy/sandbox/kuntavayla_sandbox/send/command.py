"""What `kuntavayla send` does on the screen.

A progress bar while it sends, a summary at the end.
"""

from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kuntavayla_sandbox.calls import Tokens, credentials_of
from kuntavayla_sandbox.send.answers import Tally
from kuntavayla_sandbox.send.journal import Journal
from kuntavayla_sandbox.send.parts import plan_parts
from kuntavayla_sandbox.send.sending import Sender
from kuntavayla_sandbox.state import Stack

LINES_A_CALL = 2_000
"""Less than a call may hold, so that the bar moves and a break costs little."""


async def send_with_progress(path: Path, *, stack: Stack, name: str, console: Console) -> Tally:
    """Send the file as an identity of the running stack; raises SendBroken or StateFault."""
    identity = stack.identity(name)
    plan = plan_parts(path, lines_max=LINES_A_CALL)
    journal = Journal(path, digest=plan.digest, sender=identity.client_id, lines_max=LINES_A_CALL)
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("sending", total=plan.lines)
        async with httpx.AsyncClient() as client:
            tokens = Tokens(client, credentials_of(identity, token_url=stack.token_url))
            sender = Sender(client, routing_url=stack.services["routing-api"], tokens=tokens)
            return await sender.send(
                plan, journal, on_part=lambda tally: progress.advance(bar, tally.lines)
            )


def summary_table(tally: Tally) -> Table:
    """Return what became of the file's lines."""
    table = Table(title="Sent", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rows = ("lines", tally.lines), ("created", tally.created), ("replayed", tally.replayed)
    for label, count in (*rows, ("refused", tally.failed)):
        table.add_row(label, f"{count:,}")
    return table


def faults_table(tally: Tally) -> Table:
    """Return the refusals by fault code, with the first lines of each."""
    table = Table(title="Refused lines", title_justify="left")
    table.add_column("code")
    table.add_column("faults", justify="right")
    table.add_column("first at (line, pointer)")
    for code, entry in sorted(tally.faults.items(), key=lambda item: -item[1].count):
        first = "; ".join(f"{line} {pointer}".strip() for line, pointer in entry.first)
        table.add_row(code, f"{entry.count:,}", first)
    return table
