"""Calls to quota-ledger as any of the stack's identities, each with a token of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.calls import Tokens, credentials_of, problem_of, wait_s_of
from kuntavayla_sandbox.state import Stack, StateFault

ANSWER_S_MAX = 120
VERIFIED_S_MAX = 1_800
"""A verification reads everything: of 100,000 decisions more than a million entries."""
PATIENCE_S = 120.0
AGAIN = frozenset({429, 503})
NOT_KNOWN = "client_not_known"
NDJSON = "application/x-ndjson"
Document = dict[str, Any]
_decode = msgspec.json.decode
_encode_lines = msgspec.json.Encoder().encode_lines


class YearRefused(StateFault):
    """A call of the year was refused, and would be refused again."""

    def __init__(self, path: str, answer: httpx.Response) -> None:
        problem = problem_of(answer)
        super().__init__(
            f"quota-ledger answered {answer.status_code} to {path}: {problem.code} {problem.detail}"
        )


class YearStalled(StateFault):
    """Something that the year waits for did not come."""

    def __init__(self, awaited: str) -> None:
        super().__init__(f"The year waited in vain for {PATIENCE_S:.0f} s: {awaited}.")


class Sent(Struct, frozen=True, kw_only=True):
    """A call as it is sent, and how long its answer may take."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    content: bytes | None = None
    params: Mapping[str, str] | None = None
    answer_s_max: int = ANSWER_S_MAX


class LedgerCalls:
    """Calls to the ledger of a running stack."""

    def __init__(self, stack: Stack, *, client: httpx.AsyncClient) -> None:
        self._stack = stack
        self._client = client
        self._url = stack.services["quota-ledger"]
        self._tokens: dict[str, Tokens] = {}

    async def post(
        self, name: str, path: str, body: Document, *, key: str = "", version: int | None = None
    ) -> Document:
        """Post one document; raises YearRefused or YearStalled."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {} if version is None else {"If-Match": f'"{version}"'}
        content = msgspec.json.encode(body)
        sent = Sent(method="POST", path=path, content=content, headers=headers)
        answer = await self._call(name, sent)
        found: Document = _decode(answer.content)
        return found

    async def verify(self, name: str) -> Document:
        """Let the service verify its books; raises YearRefused or YearStalled."""
        sent = Sent(
            method="POST",
            path="/verifications",
            content=b"{}",
            headers={"Content-Type": "application/json"},
            answer_s_max=VERIFIED_S_MAX,
        )
        answer = await self._call(name, sent)
        found: Document = _decode(answer.content)
        return found

    async def load(self, name: str, path: str) -> Document:
        """Read one document; raises YearRefused or YearStalled."""
        answer = await self._call(name, Sent(method="GET", path=path))
        found: Document = _decode(answer.content)
        return found

    async def decide(
        self, name: str, documents: Sequence[Document]
    ) -> list[tuple[Document, Document]]:
        """Send decisions in one call; return each with its answer, in the order of booking.

        Lines of clients that are not known yet are sent again until they are. Raises YearRefused or
        YearStalled.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        answered: list[tuple[Document, Document]] = []
        waiting = list(documents)
        while waiting:
            whole = {"detail": "full"}
            lines = await self.send_lines(name, "/decisions:bulk", waiting, query=whole)
            sent, waiting = waiting, []
            for document, line in zip(sent, lines, strict=True):
                if _is_to_repeat(line):
                    waiting.append(document)
                else:
                    answered.append((document, line))
            if waiting and time.monotonic() > deadline_s:
                raise YearStalled("clients known to quota-ledger")
        return answered

    async def send_lines(
        self,
        name: str,
        path: str,
        documents: Sequence[Document],
        *,
        query: Mapping[str, str] | None = None,
    ) -> list[Document]:
        """Send many in one call; return one line each, without the summary behind them."""
        body, headers = _encode_lines(documents), {"Content-Type": NDJSON}
        sent = Sent(method="POST", path=path, content=body, headers=headers, params=query)
        answer = await self._call(name, sent)
        return [_decode(line) for line in answer.content.splitlines()][:-1]

    async def listed(
        self, name: str, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[Document]:
        """Yield everything that a list holds, page by page; raises YearRefused or YearStalled."""
        more: dict[str, str] = {}
        while True:
            parameters = {**query, **more, "limit": "1000"}
            answer = await self._call(name, Sent(method="GET", path=path, params=parameters))
            page = _decode(answer.content)
            for item in page["items"]:
                yield item
            if page["next_cursor"] is None:
                return
            more = {"after": page["next_cursor"]}

    async def _call(self, name: str, sent: Sent) -> httpx.Response:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            answer = await self._client.request(
                sent.method,
                self._url + sent.path,
                content=sent.content,
                params=sent.params,
                headers={**sent.headers, "Authorization": f"Bearer {await self._token(name)}"},
                timeout=sent.answer_s_max,
            )
            if answer.is_success:
                return answer
            if answer.status_code not in AGAIN:
                raise YearRefused(sent.path, answer)
            await asyncio.sleep(wait_s_of(answer))
        raise YearStalled(sent.path)

    async def _token(self, name: str) -> str:
        if name not in self._tokens:
            identity = self._stack.identity(name)
            credentials = credentials_of(identity, token_url=self._stack.token_url)
            self._tokens[name] = Tokens(self._client, credentials)
        return await self._tokens[name]()


def _is_to_repeat(line: Document) -> bool:
    code = (line.get("problem") or {}).get("code")
    return line["status"] in AGAIN or code == NOT_KNOWN
