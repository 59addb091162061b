"""Questions to the case-system simulator, as the demo, the status and the checker ask them."""

from collections.abc import AsyncIterator
from typing import TypeVar

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.case_systems.information.store import SentItem
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


OPEN = frozenset({"to_send", "sent", "accepted", "waiting", "waiting_for_client"})


class Standing(Struct, frozen=True):
    """How many items of information stand how, by what the case systems have heard."""

    standing: dict[str, int] = {}
    delayed: int = 0
    overdue: int = 0
    problems: dict[str, str] = {}

    @property
    def to_send(self) -> int:
        """Return how many items are not answered yet."""
        return self.standing.get("to_send", 0) + self.standing.get("sent", 0)

    @property
    def open(self) -> int:
        """Return how many items have not come to an end."""
        return sum(count for name, count in self.standing.items() if name in OPEN)


class Page(Struct, frozen=True):
    """One page of what a simulator lists."""

    items: list[msgspec.Raw]
    next_cursor: str | None


T = TypeVar("T")


async def load_status(client: httpx.AsyncClient, url: str) -> FleetStatus:
    """Return how far the case systems have come; raises httpx.HTTPError."""
    answer = await client.get(f"{url}/status", timeout=ANSWER_S_MAX)
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=FleetStatus)


async def load_standing(client: httpx.AsyncClient, url: str) -> Standing:
    """Return how the information of all case systems stands; raises httpx.HTTPError."""
    answer = await client.get(f"{url}/told", timeout=ANSWER_S_MAX)
    answer.raise_for_status()
    return msgspec.json.decode(answer.content, type=Standing)


async def iterate_clients(
    client: httpx.AsyncClient, url: str, *, case_system_id: str
) -> AsyncIterator[HeldClient]:
    """Yield everything that a case system holds, page by page; raises httpx.HTTPError."""
    query = {"case_system": case_system_id}
    async for item in iterate_items(client, f"{url}/clients", query=query, type_=HeldClient):
        yield item


async def iterate_sent(
    client: httpx.AsyncClient, url: str, *, case_system_id: str
) -> AsyncIterator[SentItem]:
    """Yield everything that a case system tells, in its order; raises httpx.HTTPError."""
    query = {"case_system": case_system_id}
    async for item in iterate_items(client, f"{url}/information", query=query, type_=SentItem):
        yield item


async def iterate_items(
    client: httpx.AsyncClient, url: str, *, query: dict[str, str], type_: type[T]
) -> AsyncIterator[T]:
    """Yield everything that a simulator lists, page by page; raises httpx.HTTPError."""
    while True:
        answer = await client.get(url, params=query, timeout=ANSWER_S_MAX)
        answer.raise_for_status()
        page = msgspec.json.decode(answer.content, type=Page)
        for item in page.items:
            yield msgspec.json.decode(item, type=type_)
        if page.next_cursor is None:
            return
        query = query | {"after": page.next_cursor}
