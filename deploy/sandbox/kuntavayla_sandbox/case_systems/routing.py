"""What a case system asks of routing-api.

The persons of its clients, and to take them over; one function per question.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.calls import Problem, Tokens, problem_of, wait_s_of
from kuntavayla_sandbox.case_systems.configuration import Endpoint
from kuntavayla_sandbox.case_systems.store import SnapshotClient, StoredPerson, ToFetch

ANSWER_S_MAX = 60
PAGE_MAX = 1_000
IMPORTER = "system"
"""Who acts when no caseworker does: docs/consumers.md."""


class RoutingAway(Exception):
    """Routing-api cannot answer now; the same call is safe after `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"wait {wait_s} s")
        self.wait_s = wait_s


class CallRefused(Exception):
    """Routing-api refuses the whole call; a repeat would be refused alike."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class ItemOutcome(Struct, frozen=True):
    """One item of a call on many: `problem` where it was refused."""

    transfer_id: str
    result: str
    problem: Problem = Problem()


class DisclosedPerson(Struct, frozen=True):
    """The part of a disclosed item by which persons are compared; the whole item is stored."""

    identity_code: str
    has_security_ban: bool = False


class Disclosure(Struct, frozen=True):
    """One item of `persons:fetch`, as far as it is read."""

    transfer_id: str
    result: str
    person: DisclosedPerson | None = None
    source_client_number: str | None = None
    problem: Problem = Problem()


class Items(Struct, frozen=True):
    """The answer of a call on many, each item as it came."""

    items: list[msgspec.Raw]


class Outcomes(Struct, frozen=True):
    """The answer of a call on many."""

    items: list[ItemOutcome]


class SnapshotPage(Struct, frozen=True):
    """A page of `GET /clienthoods`."""

    items: list[SnapshotClient]
    feed_cursor: str
    next_cursor: str | None = None


class Snapshot(Struct, frozen=True):
    """All clients of a case system, and the cursor from which both of its feeds go on."""

    clients: list[SnapshotClient]
    feed_cursor: str


class Fetched(Struct, frozen=True):
    """What a fetch brought: persons, and refusals as code by transfer id."""

    persons: list[StoredPerson]
    refusals: dict[str, str]


_decode_items = msgspec.json.Decoder(Items).decode
_decode_outcomes = msgspec.json.Decoder(Outcomes).decode
_decode_page = msgspec.json.Decoder(SnapshotPage).decode
_decode_disclosure = msgspec.json.Decoder(Disclosure).decode


class RoutingCalls:
    """Calls to routing-api as one case system."""

    def __init__(
        self, client: httpx.AsyncClient, *, url: str, tokens: Tokens, endpoint: Endpoint
    ) -> None:
        self._client = client
        self._url = url
        self._tokens = tokens
        self._endpoint = endpoint

    async def load_snapshot(self) -> Snapshot:
        """Read the snapshot, page by page; raises RoutingAway or CallRefused.

        The cursor is that of the first page, so that the feeds repeat rather than skip.
        """
        page = await self._page({})
        cursor, clients = page.feed_cursor, page.items
        while page.next_cursor is not None:
            page = await self._page({"after": page.next_cursor})
            clients += page.items
        # What is withdrawn already and ends on a later day is no longer taken over.
        held = [client for client in clients if client.transfer_state != "withdrawn"]
        return Snapshot(held, cursor)

    async def _page(self, more: Mapping[str, str]) -> SnapshotPage:
        parameters = {"limit": str(PAGE_MAX), **more}
        answer = await self._call("GET", "/clienthoods", params=parameters)
        return _decode_page(answer.content)

    async def fetch_persons(self, wanted: Sequence[ToFetch]) -> Fetched:
        """Fetch the persons of these clients in one call; raises RoutingAway or CallRefused."""
        body = {
            "purpose": "client_service",
            "acting_official": {
                "official_id": IMPORTER,
                "role": "import",
                "municipality_code": self._endpoint.municipality_code,
            },
            "transfer_ids": [client.transfer_id for client in wanted],
        }
        answer = await self._post("/persons:fetch", body)
        persons: list[StoredPerson] = []
        refusals: dict[str, str] = {}
        for client, raw in zip(wanted, _decode_items(answer.content).items, strict=True):
            item = _decode_disclosure(raw)
            if item.person is None:
                refusals[client.transfer_id] = item.problem.code
                continue
            persons.append(
                StoredPerson(
                    client.transfer_id,
                    client.revision,
                    item.person.identity_code,
                    item.source_client_number,
                    bytes(raw).decode(),
                    item.person.has_security_ban,
                )
            )
        return Fetched(persons, refusals)

    async def acknowledge(
        self, transfer_ids: Sequence[str], *, taken_over_at: datetime
    ) -> list[ItemOutcome]:
        """Take these transfers over in one call; raises RoutingAway or CallRefused."""
        caseworker = {"official_id": IMPORTER, "contact_point": self._endpoint.contact_point}
        at = taken_over_at.isoformat(timespec="milliseconds")
        body = {
            "items": [
                {"transfer_id": transfer_id, "taken_over_at": at, "caseworker": caseworker}
                for transfer_id in transfer_ids
            ]
        }
        answer = await self._post("/transfers:acknowledge", body)
        return _decode_outcomes(answer.content).items

    async def _post(self, path: str, body: object) -> httpx.Response:
        return await self._call("POST", path, content=msgspec.json.encode(body))

    async def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            answer = await self._client.request(
                method,
                self._url + path,
                content=content,
                params=params,
                headers={
                    "Authorization": f"Bearer {await self._tokens()}",
                    "Content-Type": "application/json",
                },
                timeout=ANSWER_S_MAX,
            )
        except httpx.TransportError as error:
            raise RoutingAway(wait_s=1.0) from error
        match answer.status_code:
            case httpx.codes.OK:
                return answer
            case httpx.codes.UNAUTHORIZED:
                self._tokens.forget()
                raise RoutingAway(wait_s=1.0)
            case httpx.codes.TOO_MANY_REQUESTS | httpx.codes.SERVICE_UNAVAILABLE:
                raise RoutingAway(wait_s=wait_s_of(answer))
            case _:
                raise CallRefused(problem_of(answer))
