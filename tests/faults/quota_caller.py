"""One who calls the ledgers: repeats every broken call until it is answered, and keeps count."""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from tests.faults.quota_site import PROCESSES, QuotaSite
from tests.faults.signals import Signals

REST_S_MAX = 0.2
NEEDLESS_REPEATS = 0.08
"""So many calls that were answered are made once more."""
AGAIN = (429, 503)
PASSING = frozenset({"in_progress", "outcome_unknown"})
_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


class Asked(Struct, frozen=True, kw_only=True):
    """A call, the same each time that it is made."""

    organisation: str
    path: str
    body: bytes
    headers: dict[str, str] = {}
    signal: str = "single_sent"

    @property
    def is_bulk(self) -> bool:
        """Say whether it is sent, and answered, line by line."""
        return ":bulk" in self.path

    @property
    def is_repeatable(self) -> bool:
        """Say whether a repeat has the answer of the first: not where each one looks anew."""
        return self.is_bulk or "Idempotency-Key" in self.headers


class Answer(Struct, frozen=True):
    """What a call came to; the body of a bulk call is its lines."""

    status: int
    body: Any

    @property
    def code(self) -> str | None:
        """Return the code of the problem, None where there is none."""
        return self.body.get("code") if isinstance(self.body, dict) else None


class QuotaCaller:
    """Calls until answered, at one process after the other."""

    def __init__(self, site: QuotaSite, rng: random.Random, *, signals: Signals) -> None:
        self.site = site
        self.rng = rng
        self.broken = self.repeated = 0
        self.answers: Counter[str] = Counter()
        self.complaints: list[str] = []
        self._signals = signals
        self._keys = 0

    def key(self) -> str:
        """Return an idempotency key that no other call of the campaign has."""
        self._keys += 1
        return f"campaign-{self._keys}"

    async def once(self, asked: Asked, *, number: int) -> Answer | None:
        """Call one process once; None where that says not what came of it."""
        headers = {"Content-Type": "application/json"} | asked.headers
        if asked.is_bulk:
            headers["Content-Type"] = "application/x-ndjson"
        self._signals.give("bulk_sent" if asked.is_bulk else asked.signal)
        try:
            async with self.site.client(asked.organisation, number=number) as client:
                answer = await client.post(asked.path, content=asked.body, headers=headers)
        except httpx.TransportError:
            return None
        if answer.status_code in AGAIN:
            return None
        told = answer.json() if not _is_lines(answer) else _lines_of(answer)
        return self._understood(asked, Answer(answer.status_code, told))

    def _understood(self, asked: Asked, answer: Answer) -> Answer | None:
        if answer.code in PASSING:
            return None
        if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            self.complaints.append(f"{asked.path} answered {answer.status} {answer.code}")
            return None
        if isinstance(answer.body, list) and any(each["status"] in AGAIN for each in answer.body):
            return None
        self.answers[f"{answer.status} {answer.code or ''}".strip()] += 1
        return answer

    async def answered(self, asked: Asked) -> Answer:
        """Call until answered; now and then once more, and the answer must be the same.

        Returns the last answer: a line that was refused is tried again with its repeat.
        """
        number = self.rng.randrange(PROCESSES)
        while (answer := await self.once(asked, number=number)) is None:
            number += 1
            self.broken += 1
            await asyncio.sleep(self.rng.uniform(0, REST_S_MAX))
        if asked.is_repeatable and self.rng.random() < NEEDLESS_REPEATS:
            self.repeated += 1
            again = await self._again(asked, number=number + 1)
            if not _is_repeat(answer, again):
                self.complaints.append(f"{asked.path} answered {answer}, then {again}")
            return again if again.status == answer.status else answer
        return answer

    async def _again(self, asked: Asked, *, number: int) -> Answer:
        while (answer := await self.once(asked, number=number)) is None:
            number += 1
            self.broken += 1
            await asyncio.sleep(self.rng.uniform(0, REST_S_MAX))
        return answer

    async def pause(self, s_max: float) -> None:
        """Rest for a while, so that the calls of one are not the load of all."""
        await asyncio.sleep(self.rng.uniform(0, s_max))


def _lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the lines that answer lines; the last one of all tells of the whole."""
    return [each for each in _lines(answer.content) if "status" in each]


def _is_lines(answer: httpx.Response) -> bool:
    return "x-ndjson" in str(answer.headers.get("Content-Type"))


def _is_repeat(answer: Answer, again: Answer) -> bool:
    """Say whether a repeat is answered alike: of a refusal not, for what it met may change."""
    if answer.status >= httpx.codes.BAD_REQUEST:
        return again.status >= httpx.codes.BAD_REQUEST
    if again.status >= httpx.codes.BAD_REQUEST:
        return False
    if not isinstance(answer.body, list):
        return _bare(again.body) == _bare(answer.body)
    return len(again.body) == len(answer.body) and all(
        first.get("result") is None or _bare(then.get("result") or {}) == _bare(first["result"])
        for first, then in zip(answer.body, again.body, strict=True)
    )


def _bare(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what of its surroundings it tells beside."""
    beside = {"available_after", "balance"}
    return {name: value for name, value in body.items() if name not in beside}
