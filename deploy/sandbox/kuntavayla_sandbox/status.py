"""What `kuntavayla status` shows: processes, stages of the case systems, identities."""

import httpx
from rich.console import Console
from rich.table import Table

from kuntavayla_sandbox.processes import peak_memory_mib
from kuntavayla_sandbox.simulators import FleetStatus, Standing, load_standing, load_status
from kuntavayla_sandbox.state import Stack


async def show(stack: Stack, *, console: Console) -> int:
    """Print the state of the running stack; return 0, or 1 where a part does not answer."""
    async with httpx.AsyncClient(timeout=5) as client:
        is_ready = {
            name: await _answers(client, f"{url}/readyz") for name, url in stack.services.items()
        }
        is_ready["te-office"] = await _answers(client, f"{stack.simulators['te-office']}/livez")
        try:
            fleet = await load_status(client, stack.simulators["case-systems"])
            standing = await load_standing(client, stack.simulators["case-systems"])
        except httpx.HTTPError:
            fleet, standing = None, Standing()
    is_ready["case-systems"] = fleet is not None
    console.print(_processes(stack, is_ready=is_ready))
    if fleet is not None:
        console.print(_stages(fleet))
    if standing.standing:
        console.print(_information_line(standing), highlight=False)
    names = ", ".join(identity.name for identity in stack.identities)
    console.print(f"Identities: {names}", highlight=False)
    return 0 if all(is_ready.values()) else 1


def _information_line(standing: Standing) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(standing.standing.items()))
    return f"Information: {counts}; {standing.delayed:,} delayed, {standing.overdue:,} overdue."


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        answer = await client.get(url)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def _processes(stack: Stack, *, is_ready: dict[str, bool]) -> Table:
    table = Table(title=f"Stack of {stack.legal_date}", title_justify="left")
    for heading in ("process", "address", "state"):
        table.add_column(heading)
    for heading in ("pid", "peak MiB"):
        table.add_column(heading, justify="right")
    for name, address in {**stack.services, **stack.simulators}.items():
        pid = stack.pids.get(name)
        if pid is None:
            # A second door of a process that has a row of its own.
            continue
        state = "ready" if is_ready[name] else "does not answer"
        table.add_row(name, address, state, str(pid), str(peak_memory_mib(pid) or "-"))
    return table


def _stages(fleet: FleetStatus) -> Table:
    table = Table(title="Clients by case system", title_justify="left")
    table.add_column("case system")
    for stage in fleet.stages:
        table.add_column(stage, justify="right")
    table.add_column("refused call")
    for system in fleet.case_systems:
        counts = [f"{system.stages[stage]:,}" for stage in fleet.stages]
        table.add_row(system.case_system_id, *counts, system.problem_code or "")
    totals = [f"{entry.count:,}" for entry in fleet.stages.values()]
    table.add_row("all", *totals, "", style="bold")
    return table
