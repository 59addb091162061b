"""Questions to the case-system simulator, as the demo, the status and the checker ask them."""

from collections.abc import AsyncIterator

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.case_systems.progress import StageCount
from kuntavayla_sandbox.case_systems.store import HeldClient

ANSWER_S_MAX = 30


class SystemStatus(Struct, frozen=True):
    """One case system: how many clients passed each stage, and what it last was refused."""

    case_system_id: str
    stages: dict[str, int]
    problem_code: str | None


class FleetStatus(Struct, frozen=True):
    """All case systems together, and each."""

    stages: dict[str, StageCount]
    case_systems: tuple[SystemStatus, ...]

    def count(self, stage: str) -> int:
        """Return how many clients passed a stage in all."""
        return self.stages[stage].count


class ClientPage(Struct, frozen=True):
    """One page of what a case system holds."""

    items: tuple[HeldClient, ...]
    next_cursor: str | None


async def load_status(client: httpx.AsyncClient, url: str) -> FleetStatus:
    """Return how far the case systems have come; raises httpx.HTTPError."""
    answer = await client.get(f"{url}/status", timeout=ANSWER_S_MAX)
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=FleetStatus)


async def iterate_clients(
    client: httpx.AsyncClient, url: str, *, case_system_id: str
) -> AsyncIterator[HeldClient]:
    """Yield everything that a case system holds, page by page; raises httpx.HTTPError."""
    query: dict[str, str] = {"case_system": case_system_id}
    while True:
        answer = await client.get(f"{url}/clients", params=query, timeout=ANSWER_S_MAX)
        answer.raise_for_status()
        page = msgspec.json.decode(answer.content, type=ClientPage)
        for item in page.items:
            yield item
        if page.next_cursor is None:
            return
        query["after"] = page.next_cursor
