"""At the end of the day each case system sends its own list of clients, and the service compares.

The demo speaks in the name of each; the lists are what the case systems themselves hold.
"""

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.calls import Tokens, credentials_of
from kuntavayla_sandbox.simulators import iterate_clients, load_status
from kuntavayla_sandbox.state import Stack

ANSWER_S_MAX = 60
NDJSON = "application/x-ndjson"


class Answer(Struct, frozen=True):
    """What the service found, as far as it is shown."""

    is_equal: bool
    your_count: int
    our_count: int


class Reconciled(Struct):
    """All case systems together, and the names of those whose list differs."""

    case_systems: int = 0
    theirs: int = 0
    ours: int = 0
    differing: list[str] = []

    @property
    def is_equal(self) -> bool:
        """Tell whether every list equals the service's."""
        return not self.differing

    def add(self, case_system_id: str, answer: Answer) -> None:
        """Count one case system's result."""
        self.case_systems += 1
        self.theirs += answer.your_count
        self.ours += answer.our_count
        if not answer.is_equal:
            self.differing.append(case_system_id)


async def reconcile_all(stack: Stack, *, client: httpx.AsyncClient) -> Reconciled:
    """Let every case system reconcile; raises httpx.HTTPError where the service refuses."""
    simulators, reconciled = stack.simulators["case-systems"], Reconciled()
    for system in (await load_status(client, simulators)).case_systems:
        name = system.case_system_id
        held: dict[str, int] = {}
        async for one in iterate_clients(client, simulators, case_system_id=name):
            if one.state != "ended":
                known = held.get(one.client_id, 0)
                held[one.client_id] = max(one.clienthood_version, known)
        reconciled.add(name, await _reconcile(stack, name, held=held, client=client))
    return reconciled


async def _reconcile(
    stack: Stack, name: str, *, held: dict[str, int], client: httpx.AsyncClient
) -> Answer:
    credentials = credentials_of(stack.identity(name), token_url=stack.token_url)
    lines = [
        {"client_id": client_id, "clienthood_version": version}
        for client_id, version in held.items()
    ]
    answer = await client.post(
        f"{stack.services['routing-api']}/reconciliations",
        params={"count": len(lines)},
        content=msgspec.json.Encoder().encode_lines(lines),
        headers={
            "Authorization": f"Bearer {await Tokens(client, credentials)()}",
            "Content-Type": NDJSON,
        },
        timeout=ANSWER_S_MAX,
    )
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=Answer)
