"""The calls themselves.

Two in flight, compressed, repeated as the service asks, never a line left without an answer.
"""

import asyncio
import gzip
from collections.abc import Callable

import httpx
from msgspec import Struct

from kuntavayla_sandbox.calls import Tokens, problem_of, wait_s_of
from kuntavayla_sandbox.send.answers import LineAnswer, Tally, parse_answer, total
from kuntavayla_sandbox.send.journal import Journal
from kuntavayla_sandbox.send.parts import FilePlan, Part

CALLS_IN_FLIGHT = 2
COMPRESSION_LEVEL = 1
"""The fastest: it shrinks registrations to a seventh, and higher levels cost more time than they
save.
"""
ANSWER_S_MAX = 120
ATTEMPTS_MAX = 12
"""Attempts in a row without any line done, some minutes in all, before the sender gives up for now.
"""
BACKOFF_S_MAX = 30.0

OnLines = Callable[[list[tuple[int, LineAnswer]]], None]
"""Hears of final answers, each with its line of the file."""
OnPart = Callable[[Tally], None]


class SendBroken(Exception):
    """The file could not be sent to its end; the same command goes on from there."""


class Attempt(Struct, frozen=True):
    """What one call brought: answers, none where it is to be made again after `wait_s`."""

    answers: list[LineAnswer] | None
    wait_s: float


class PartOnItsWay:
    """A part of the file whose lines wait for their answers."""

    def __init__(self, part: Part, body: bytes) -> None:
        self._part = part
        self._lines = body.splitlines(keepends=True)
        self._waiting = list(range(len(self._lines)))
        self.tally = Tally()

    def is_done(self) -> bool:
        """Tell whether every line has its answer."""
        return not self._waiting

    def body(self) -> bytes:
        """Return the lines that wait, as one body."""
        return b"".join([self._lines[index] for index in self._waiting])

    def take(self, answers: list[LineAnswer]) -> list[tuple[int, LineAnswer]]:
        """Count final answers and return them; lines that were not executed go on waiting."""
        sent, self._waiting = self._waiting, []
        final: list[tuple[int, LineAnswer]] = []
        for index, answer in zip(sent, answers, strict=True):
            if answer.is_to_repeat():
                self._waiting.append(index)
                continue
            file_line = self._part.first_line + index
            final.append((file_line, answer))
            self.tally.add_line(answer, file_line=file_line)
        return final


def _ignore(_: object) -> None:
    """Take no notice."""


class Sender:
    """Sends a planned file to `registrations:bulk` as one identity."""

    def __init__(self, client: httpx.AsyncClient, *, routing_url: str, tokens: Tokens) -> None:
        self._client = client
        self._url = f"{routing_url}/registrations:bulk"
        self._tokens = tokens

    async def send(
        self,
        plan: FilePlan,
        journal: Journal,
        *,
        on_part: OnPart = _ignore,
        on_lines: OnLines = _ignore,
    ) -> Tally:
        """Send what the journal does not know yet and return the whole file's tally.

        Raises SendBroken.

        `on_part` hears of every part when it is done, `on_lines` of the answers as they come.
        """
        for tally in journal.done.values():
            on_part(tally)
        waiting = iter([part for part in plan.parts if part.number not in journal.done])
        breaks: list[SendBroken] = []

        async def work() -> None:
            # After a break no part is begun, but one that is on its way is seen to its end.
            while not breaks and (part := next(waiting, None)) is not None:
                try:
                    tally = await self._send_part(plan, part, on_lines=on_lines)
                except SendBroken as broken:
                    breaks.append(broken)
                else:
                    journal.add(part.number, tally)
                    on_part(tally)

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLS_IN_FLIGHT):
                group.create_task(work())
        if breaks:
            raise breaks[0]
        journal.close()
        return total(journal.done.values())

    async def _send_part(self, plan: FilePlan, part: Part, *, on_lines: OnLines) -> Tally:
        on_its_way = PartOnItsWay(part, await asyncio.to_thread(part.read, plan.path))
        attempts = 0
        while not on_its_way.is_done():
            attempt = await self._attempt(on_its_way.body(), attempts=attempts)
            final = on_its_way.take(attempt.answers) if attempt.answers is not None else []
            on_lines(final)
            attempts = 0 if final else attempts + 1
            if attempts > ATTEMPTS_MAX:
                raise SendBroken(
                    f"No answer to lines from {part.first_line} on; the same command goes on there."
                )
            if not on_its_way.is_done():
                await asyncio.sleep(attempt.wait_s)
        return on_its_way.tally

    async def _attempt(self, body: bytes, *, attempts: int) -> Attempt:
        backoff_s = min(BACKOFF_S_MAX, 2.0**attempts)
        compressed = await asyncio.to_thread(gzip.compress, body, COMPRESSION_LEVEL)
        try:
            answer = await self._client.post(
                self._url,
                content=compressed,
                headers={
                    "Authorization": f"Bearer {await self._tokens()}",
                    "Content-Type": "application/x-ndjson",
                    "Content-Encoding": "gzip",
                },
                timeout=ANSWER_S_MAX,
            )
        except httpx.TransportError:
            return Attempt(None, backoff_s)
        match answer.status_code:
            case httpx.codes.OK:
                return Attempt(await asyncio.to_thread(parse_answer, answer.content), backoff_s)
            case httpx.codes.UNAUTHORIZED:
                self._tokens.forget()
                return Attempt(None, backoff_s)
            case httpx.codes.TOO_MANY_REQUESTS | httpx.codes.SERVICE_UNAVAILABLE:
                return Attempt(None, wait_s_of(answer))
            case _:
                raise _refused(answer)


def _refused(answer: httpx.Response) -> SendBroken:
    problem = problem_of(answer)
    return SendBroken(
        f"The service refuses the call: {answer.status_code} {problem.code}. {problem.title}"
    )
