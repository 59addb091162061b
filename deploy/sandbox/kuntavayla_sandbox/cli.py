"""The command `kuntavayla`.

One function per subcommand, each no more than its options and its output.
"""

import asyncio
import re
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from kuntavayla.database.embedded import ServerStillRuns
from kuntavayla.settings import Transport, is_loopback
from kuntavayla_sandbox import status as statuses
from kuntavayla_sandbox.backbone import Backbone
from kuntavayla_sandbox.broker import BrokerFailed, BrokerUnavailable
from kuntavayla_sandbox.calls import Tokens, credentials_of
from kuntavayla_sandbox.clock import ClockGoesOn, LegalDateDiffers, find_legal_date
from kuntavayla_sandbox.clock_command import move_clock, read_clock
from kuntavayla_sandbox.conformance.command import conformance
from kuntavayla_sandbox.demo import DemoPlan, tell_the_story
from kuntavayla_sandbox.identities import is_te_office
from kuntavayla_sandbox.population import full_size, generate
from kuntavayla_sandbox.population_file import TENTH, marginals_table, write_population
from kuntavayla_sandbox.processes import NotReady, ProcessEnded
from kuntavayla_sandbox.restoring import COMMANDS, RESTORED, record_restore
from kuntavayla_sandbox.routing_service import Memberships
from kuntavayla_sandbox.send import SendBroken
from kuntavayla_sandbox.send.command import faults_table, send_with_progress, summary_table
from kuntavayla_sandbox.stack import (
    LEGAL_DATE_DEFAULT,
    RunningStack,
    StackPlan,
    running_stack,
)
from kuntavayla_sandbox.state import (
    DEFAULT_DIRECTORY,
    Stack,
    StateDirectory,
    StateFault,
    open_private,
)
from kuntavayla_sandbox.terminal import WIDTH_WITHOUT_SCREEN, make_console, run

KNOWN_FAULTS = (
    StateFault,
    LegalDateDiffers,
    ClockGoesOn,
    NotReady,
    ProcessEnded,
    SendBroken,
    BrokerUnavailable,
    BrokerFailed,
    ServerStillRuns,
)
"""What a user can mend; told in one sentence instead of a trace."""
INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C ended."""
ITEMS_OF_A_WEEK = 30_000
"""Items of information in a week at the real size."""
TENTH_OF_A_WEEK = 3_000
DECISIONS_OF_A_YEAR = 100_000
"""Decisions on the first appropriations at the real size."""
SOME_DECISIONS = 3_000
DECISIONS_HELP = (
    "Decisions on the first appropriations, about so many; 100000, as with --full-size, is the real"
    " size."
)
ITEMS_HELP = (
    "Items of information of the week. The default is a tenth of the real size, as with"
    " --registrations; 30000, as with --full-size, takes some minutes more."
)
DEMO_DIRECTORY = Path(".kuntavayla-demo")
"""The demo begins anew each time, so it keeps away from the data of `up`."""

RECEIVER_URL = re.compile(r"https?://[^\s?#@{}]{1,400}")


app = typer.Typer(
    help="The local stack of Kuntaväylä: services, counterparts, a synthetic population.",
    no_args_is_help=True,
    add_completion=False,
)
State = Annotated[Path, typer.Option("--state", help="Directory of the stack's data.")]
LegalDate = Annotated[
    datetime | None,
    typer.Option("--legal-date", formats=["%Y-%m-%d"], help="The day the legal clock starts on."),
]
AsPublished = Annotated[
    bool,
    typer.Option("--as-published", help="Leave the register's 14 unconfirmed rows unconfirmed."),
]
Registrations = Annotated[int, typer.Option(min=1, help="How many registrations.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same population.")]
FullSize = Annotated[
    bool, typer.Option("--full-size", help="The real size: everybody, in place of --registrations.")
]
TransportOption = Annotated[
    Transport, typer.Option("--transport", help="Which way common events travel.")
]
Kafka = Annotated[
    str | None,
    typer.Option(
        "--kafka",
        metavar="HOST:PORT",
        help="A broker on this machine; without it the stack starts its own (Java 17, Maven).",
    ),
]
Receivers = Annotated[
    list[str] | None,
    typer.Option(
        "--receiver",
        metavar="OFFICE=URL",
        help="Deliver to a TE system of your own in place of the simulated one; may be repeated.",
    ),
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default that of this process; ends with SystemExit."""
    try:
        app(arguments, standalone_mode=True)
    except KNOWN_FAULTS as fault:
        Console(stderr=True).print(str(fault), style="red", markup=False, soft_wrap=True)
        sys.exit(1)


def _day_of(legal_date: datetime | None) -> date | None:
    return None if legal_date is None else legal_date.date()


def _memberships(*, as_published: bool) -> Memberships:
    return Memberships.AS_PUBLISHED if as_published else Memberships.CONFIRMED


def _backbone(transport: Transport, kafka: str | None) -> Backbone:
    """Return the way that was asked for; a broker given must be one that may be spoken to."""
    if kafka is not None and transport is not Transport.KAFKA:
        raise typer.BadParameter("It belongs to --transport kafka.", param_hint="--kafka")
    if kafka is not None and not is_loopback(kafka):
        raise typer.BadParameter(
            "Give host:port of a broker on this machine.", param_hint="--kafka"
        )
    return Backbone(transport=transport, kafka=kafka)


def _receivers(given: Sequence[str]) -> dict[str, str]:
    """Return the address of each receiver that is somebody's own, by the TE office's id."""
    receivers = {}
    for each in given:
        office, _, url = each.partition("=")
        if not is_te_office(office) or not RECEIVER_URL.fullmatch(url):
            raise typer.BadParameter(
                "Give it as OFFICE=URL, for example te-kainuu=http://127.0.0.1:8080.",
                param_hint="--receiver",
            )
        receivers[office] = url.rstrip("/")
    return receivers


@app.command()
def up(
    *,
    state: State = DEFAULT_DIRECTORY,
    transport: TransportOption = Transport.FEED,
    kafka: Kafka = None,
    receiver: Receivers = None,
    legal_date: LegalDate = None,
    as_published: AsPublished = False,
) -> None:
    """Start the stack and keep it up until Ctrl-C; a second start goes on with the same data."""
    plan = StackPlan(
        directory=state,
        legal_date=_day_of(legal_date),
        memberships=_memberships(as_published=as_published),
        backbone=_backbone(transport, kafka),
        receivers=_receivers(receiver or []),
    )
    run(_keep_up(plan, console=make_console()))


async def _keep_up(plan: StackPlan, *, console: Console) -> int:
    async with running_stack(plan, tell=console.print) as running:
        _tell_addresses(running, plan=plan, console=console)
        await running.watch()
    return 0


def _tell_addresses(running: RunningStack, *, plan: StackPlan, console: Console) -> None:
    stack = running.stack
    console.print(f"Up, legal clock at {running.clock():%Y-%m-%d %H:%M} UTC. Ctrl-C stops it.")
    for name, address in {**stack.services, **stack.simulators}.items():
        console.print(f"  {name:<17}{address}", highlight=False)
    console.print(f"  {'docs':<17}{stack.services['routing-api']}/docs", highlight=False)
    console.print(f"  {'stack file':<17}{plan.directory / 'stack.json'}", highlight=False)
    console.print(
        f"  a token:         kuntavayla token te-kainuu --state {plan.directory}", highlight=False
    )


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="An identity, for example te-kainuu or cs-sotkamo.")],
    *,
    state: State = DEFAULT_DIRECTORY,
) -> None:
    """Print a bearer token of an identity of the running stack, with all its scopes."""
    stack = StateDirectory(state).load_stack()
    credentials = credentials_of(stack.identity(name), token_url=stack.token_url)

    async def fetch() -> str:
        async with httpx.AsyncClient() as client:
            return await Tokens(client, credentials)()

    typer.echo(asyncio.run(fetch()))


@app.command()
def status(*, state: State = DEFAULT_DIRECTORY) -> None:
    """Show whether the stack runs, how far its parts have come, and its identities."""
    stack = StateDirectory(state).load_stack()
    run(statuses.show(stack, console=make_console()))


@app.command()
def clock(
    *,
    to: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%dT%H:%M"], help="A later day and hour, Helsinki."),
    ] = None,
    state: State = DEFAULT_DIRECTORY,
) -> None:
    """Tell the legal clock of the running stack, or move it forward; it never goes back."""
    directory = StateDirectory(state)
    directory.load_stack()
    at = read_clock(directory) if to is None else move_clock(directory, to=to)
    typer.echo(f"{at:%Y-%m-%d %H:%M} in Helsinki")


@app.command()
def population(
    *,
    registrations: Registrations = TENTH,
    full_size_wanted: FullSize = False,
    seed: Seed = 1,
    legal_date: LegalDate = None,
    out: Annotated[Path | None, typer.Option(help="File to write; else standard output.")] = None,
    state: State = DEFAULT_DIRECTORY,
) -> None:
    """Write synthetic registrations as NDJSON, and on standard error how close they come.

    Without --legal-date they are of the day that the stack of --state began on, if it has one.
    """
    count = full_size() if full_size_wanted else registrations
    began_on = find_legal_date(StateDirectory(state).clock_file)
    on = _day_of(legal_date) or began_on or LEGAL_DATE_DEFAULT
    lines = generate(count, seed=seed, legal_date=on)
    if out is None:
        marginals = write_population(lines, sys.stdout.buffer, on=on)
    else:
        with open_private(out) as file:
            marginals = write_population(lines, file, on=on)
    Console(stderr=True, width=WIDTH_WITHOUT_SCREEN).print(marginals_table(marginals))


@app.command()
def send(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="NDJSON to send.")],
    *,
    name: Annotated[str, typer.Option("--as", help="The identity that sends.")],
    state: State = DEFAULT_DIRECTORY,
) -> None:
    """Send a file of registrations; after a break the same command goes on where it stopped."""
    stack = StateDirectory(state).load_stack()
    console = make_console()
    run(_send(file, stack=stack, name=name, console=console))


async def _send(file: Path, *, stack: Stack, name: str, console: Console) -> int:
    try:
        tally = await send_with_progress(file, stack=stack, name=name, console=console)
    except asyncio.CancelledError:
        console.print("Stopped; the same command goes on where it stopped.")
        return INTERRUPTED
    console.print(summary_table(tally))
    if tally.failed:
        console.print(faults_table(tally))
        return 1
    return 0


@app.command()
def restored(
    *,
    service: Annotated[str, typer.Option(help="The service whose database was restored.")],
    reason: Annotated[str, typer.Option(help="Why, as it goes on record.")] = RESTORED,
    state: State = DEFAULT_DIRECTORY,
) -> None:
    """Begin a new epoch of a service after its database was restored, while the stack is down."""
    if service not in COMMANDS:
        raise typer.BadParameter(
            f"{service!r} has no epoch here; {' and '.join(COMMANDS)} have.",
            param_hint="--service",
        )
    typer.echo(asyncio.run(record_restore(state, service=service, reason=reason)))


app.command()(conformance)


@app.command()
def demo(  # noqa: PLR0913 - one for each option
    *,
    registrations: Registrations = TENTH,
    items: Annotated[int, typer.Option(min=1, help=ITEMS_HELP)] = TENTH_OF_A_WEEK,
    decisions: Annotated[int, typer.Option(min=1, help=DECISIONS_HELP)] = SOME_DECISIONS,
    full_size_wanted: FullSize = False,
    seed: Seed = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up at the end.")] = False,
    as_published: AsPublished = False,
    transport: TransportOption = Transport.FEED,
    kafka: Kafka = None,
    state: State = DEMO_DIRECTORY,
) -> None:
    """Live through day one, the week after it and a budget year; check all, show what came of it.

    It begins anew each time, in a directory of its own: .kuntavayla-demo where --state is left out.
    """
    plan = DemoPlan(
        directory=state,
        registrations=full_size() if full_size_wanted else registrations,
        items=ITEMS_OF_A_WEEK if full_size_wanted else items,
        decisions=DECISIONS_OF_A_YEAR if full_size_wanted else decisions,
        seed=seed,
        memberships=_memberships(as_published=as_published),
        keeps=keep,
        backbone=_backbone(transport, kafka),
    )
    run(tell_the_story(plan, console=make_console()))


if __name__ == "__main__":
    main()
