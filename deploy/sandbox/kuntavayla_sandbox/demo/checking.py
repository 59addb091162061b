"""The check: every client sent is where the law puts it, exactly once.

What should be comes from the file sent and the independent judge; what is comes from the case
systems and from what routing-api answered. Compared item by item, and able to fail.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from kuntavayla_sandbox.case_systems.store import HeldClient
from kuntavayla_sandbox.demo.day_one import Answered
from kuntavayla_sandbox.expectation import Expected, Memberships, expect

SHOWN_MAX = 10
"""How many differences are shown; all are counted."""
RESTRICTED = "restricted"


class Difference(Struct, frozen=True):
    """One thing that is not as it should be; names the line of the file, never the person."""

    what: str
    line: int | None
    expected: str
    found: str


class Verdict(Struct):
    """The outcome of the check."""

    clients_compared: int = 0
    lines_compared: int = 0
    differences: int = 0
    shown: list[Difference] = []

    def add(self, difference: Difference) -> None:
        """Count a difference and keep the first ones."""
        self.differences += 1
        if len(self.shown) < SHOWN_MAX:
            self.shown.append(difference)

    @property
    def is_right(self) -> bool:
        """Tell whether everything is where it should be."""
        return self.differences == 0


class Wanted(Struct, gc=False):
    """Where one person should be, and how often they were found there."""

    line: int
    case_system_id: str
    is_restricted: bool
    found: int = 0


class _Person(Struct):
    identity_code: str


class _Line(Struct):
    person: _Person


_decode_line = msgspec.json.Decoder(_Line).decode


class Checker:
    """Compares what should be with what is."""

    def __init__(self, memberships: Memberships) -> None:
        self.verdict = Verdict()
        self._memberships = memberships
        self._wanted: dict[str, Wanted] = {}
        self.by_municipality: Counter[str] = Counter()

    def read_file(self, path: Path, *, answers: Sequence[Answered | None]) -> None:
        """Judge every line of the file and compare with what was answered to it."""
        for number, line in enumerate(_lines(path), start=1):
            self.verdict.lines_compared += 1
            expected = expect(line, memberships=self._memberships)
            self._compare_answer(number, expected, answer=answers[number - 1])
            identity_code = _decode_line(line).person.identity_code
            if expected.case_system_id is None:
                continue
            if identity_code in self._wanted:
                self._differ("person sent twice", number, expected="once", found="again")
            self._wanted[identity_code] = Wanted(
                number, expected.case_system_id, expected.is_restricted
            )

    async def read_holdings(self, case_system_id: str, clients: AsyncIterator[HeldClient]) -> None:
        """Compare what a case system holds with who should be there."""
        async for client in clients:
            if client.state == "ended":
                continue
            self.verdict.clients_compared += 1
            self.by_municipality[client.municipality_code] += 1
            self._compare_client(case_system_id, client)

    def finish(self) -> Verdict:
        """Name everybody who was not found exactly once, and return the verdict."""
        for wanted in self._wanted.values():
            if wanted.found != 1:
                found = "missing" if wanted.found == 0 else f"{wanted.found} times"
                self._differ("client", wanted.line, expected=wanted.case_system_id, found=found)
        return self.verdict

    def _compare_answer(self, line: int, expected: Expected, *, answer: Answered | None) -> None:
        should = f"{expected.outcome} by {expected.decided_by}"
        found = "no answer" if answer is None else f"{answer.outcome} by {answer.decided_by}"
        if found != should:
            self._differ("decision", line, expected=should, found=found)

    def _compare_client(self, case_system_id: str, client: HeldClient) -> None:
        wanted = self._wanted.get(client.identity_code or "")
        if wanted is None:
            who = "nobody" if client.identity_code else "a fetched person"
            self._differ(f"client of {case_system_id}", None, expected=who, found=client.state)
            return
        if wanted.case_system_id != case_system_id:
            place = wanted.case_system_id
            self._differ("client", wanted.line, expected=place, found=case_system_id)
            return
        wanted.found += 1
        if client.state != "acknowledged":
            self._differ("state", wanted.line, expected="acknowledged", found=client.state)
        feed = RESTRICTED if wanted.is_restricted else "common"
        if client.channel != feed:
            self._differ("feed", wanted.line, expected=feed, found=client.channel)

    def _differ(self, what: str, line: int | None, *, expected: str, found: str) -> None:
        self.verdict.add(Difference(what, line, expected, found))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")
