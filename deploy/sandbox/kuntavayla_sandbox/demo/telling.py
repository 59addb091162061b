"""One case system's items in the stories: what it is given to tell, and what it heard of it."""

from datetime import date, datetime, timedelta
from typing import Any

from msgspec import to_builtins

from kuntavayla_sandbox.case_systems.information.store import SentItem
from kuntavayla_sandbox.demo.calling import Calls, until
from kuntavayla_sandbox.simulators import ANSWER_S_MAX, iterate_sent
from kuntavayla_sandbox.week import Entry

Document = dict[str, Any]
HEARD_IN_DAYS = 7


def item_of(
    kind: str, facts: Document, *, client: tuple[str, str], at: datetime, is_heard: bool = False
) -> Document:
    """Return an item about a client, told at once; `client` is the id and the municipality."""
    client_id, municipality_code = client
    moment = at.isoformat(timespec="seconds")
    hearing: Document = {"state": "not_needed"}
    if is_heard:
        due_on = (at + timedelta(days=HEARD_IN_DAYS)).date()
        hearing = {"state": "requested", "requested_at": moment, "due_on": due_on.isoformat()}
    return {
        "client_id": client_id,
        "municipality_code": municipality_code,
        "kind": kind,
        "period": {"starts_on": day(at), "ends_on": day(at)},
        "facts": facts,
        "hearing": {"requested_at": None, "due_on": None, "answered_at": None} | hearing,
        "occurred_at": moment,
        "known_at": moment,
        "author": {"official_id": "sotkamo:u-1042", "role": "caseworker"},
        "attachments": [],
        "replaces": None,
    }


def day(at: datetime | date) -> str:
    """Return a day as it is written."""
    return f"{at:%Y-%m-%d}"


class Teller:
    """A case system that is given single items to tell."""

    def __init__(self, calls: Calls, case_system_id: str) -> None:
        self.case_system_id = case_system_id
        self._calls = calls
        self._url = calls.stack.simulators["case-systems"]

    async def tell(self, municipal_id: str, document: Document) -> None:
        """Let the case system tell an item as it tells everything."""
        document = document | {"municipal_id": municipal_id}
        entry = Entry(
            municipal_id=municipal_id,
            client_id=document["client_id"],
            kind=document["kind"],
            action="new",
            replaces_municipal_id=None,
            document=document,
        )
        answer = await self._calls.client.post(
            f"{self._url}/entries",
            params={"case_system": self.case_system_id},
            json=[to_builtins(entry)],
            timeout=ANSWER_S_MAX,
        )
        answer.raise_for_status()

    async def answered(self, municipal_id: str) -> SentItem:
        """Return an item when the relay has answered it."""
        return await self._when(municipal_id, "answered", {"answered", "refused"})

    async def outcome(self, municipal_id: str, outcome: str) -> SentItem:
        """Return an item when the case system has heard by event what became of it."""

        async def ask() -> SentItem | None:
            found = await self._find(municipal_id)
            return found if found is not None and found.outcome == outcome else None

        return await until(f"{municipal_id} {outcome}", ask)

    async def overdue(self, municipal_id: str) -> SentItem:
        """Return an item when the case system has heard by event that it is late."""

        async def ask() -> SentItem | None:
            found = await self._find(municipal_id)
            return found if found is not None and found.is_overdue else None

        return await until(f"{municipal_id} overdue", ask)

    async def _when(self, municipal_id: str, awaited: str, states: set[str]) -> SentItem:
        async def ask() -> SentItem | None:
            found = await self._find(municipal_id)
            return found if found is not None and found.state in states else None

        return await until(f"{municipal_id} {awaited}", ask)

    async def _find(self, municipal_id: str) -> SentItem | None:
        sent = iterate_sent(self._calls.client, self._url, case_system_id=self.case_system_id)
        async for each in sent:
            if each.municipal_id == municipal_id:
                return each
        return None
