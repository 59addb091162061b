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
from kuntavayla_sandbox.demo.day_one import TO_MUNICIPALITY, Answered
from kuntavayla_sandbox.expectation import Expected, Memberships, expect

SHOWN_MAX = 10
"""How many differences are shown; all are counted."""
RESTRICTED = "restricted"
UNEMPLOYED = frozenset({"02", "03"})
"""Codes of employment: unemployed, and laid off without any work."""


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
    municipality_code: str | None
    client_id: str
    is_restricted: bool
    found: int = 0


class _Person(Struct):
    identity_code: str


class _Situation(Struct):
    employment_code: str


class _Line(Struct):
    person: _Person
    situation: _Situation


_decode_line = msgspec.json.Decoder(_Line).decode


class Checker:
    """Compares what should be with what is."""

    def __init__(self, memberships: Memberships) -> None:
        self.verdict = Verdict()
        self._memberships = memberships
        self._wanted: dict[str, Wanted] = {}
        self._lines_by_client: dict[str, int] = {}
        self.unemployed_moved = 0
        """Unemployed persons whom routing-api answered to have moved to a municipality."""
        self.by_municipality: Counter[str] = Counter()

    def read_file(self, path: Path, *, answers: Sequence[Answered | None]) -> None:
        """Judge every line of the file and compare with what was answered to it."""
        for number, line in enumerate(_lines(path), start=1):
            self.verdict.lines_compared += 1
            expected, answer = expect(line, memberships=self._memberships), answers[number - 1]
            self._compare_answer(number, expected, answer=answer)
            sent = _decode_line(line)
            if answer is not None and answer.outcome == TO_MUNICIPALITY:
                self._note_client(number, answer.client_id)
                self.unemployed_moved += sent.situation.employment_code in UNEMPLOYED
            if expected.case_system_id is None:
                continue
            if sent.person.identity_code in self._wanted:
                self._differ("person sent twice", number, expected="once", found="again")
            self._wanted[sent.person.identity_code] = Wanted(
                number,
                expected.case_system_id,
                expected.municipality_code,
                "" if answer is None else answer.client_id,
                expected.is_restricted,
            )

    async def read_holdings(self, case_system_id: str, clients: AsyncIterator[HeldClient]) -> None:
        """Compare what a case system holds with who should be there."""
        async for client in clients:
            self.verdict.clients_compared += 1
            if client.state == "ended":
                self._compare_ended(case_system_id, client)
                continue
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

    def _note_client(self, line: int, client_id: str) -> None:
        """Note whose line a client is: each line has its own."""
        if not client_id:
            self._differ("client id", line, expected="a client id", found="none")
        elif (other := self._lines_by_client.setdefault(client_id, line)) != line:
            self._differ("client id", line, expected="its own", found=f"that of line {other}")

    def _compare_ended(self, case_system_id: str, client: HeldClient) -> None:
        """On day one nothing ends: whoever was taken away again was first sent astray."""
        line = self._lines_by_client.get(client.client_id)
        what = f"client of {case_system_id}"
        self._differ(what, line, expected="nothing ended", found=client.state)

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
        self._compare_place(wanted, client)
        if client.state != "acknowledged":
            self._differ("state", wanted.line, expected="acknowledged", found=client.state)
        feed = RESTRICTED if wanted.is_restricted else "common"
        if client.channel != feed:
            self._differ("feed", wanted.line, expected=feed, found=client.channel)

    def _compare_place(self, wanted: Wanted, client: HeldClient) -> None:
        """Compare the municipality with the judge's, the client with the answer to the line."""
        if client.municipality_code != wanted.municipality_code:
            should = wanted.municipality_code or "none"
            self._differ(
                "municipality", wanted.line, expected=should, found=client.municipality_code
            )
        if wanted.client_id and client.client_id != wanted.client_id:
            found = self._lines_by_client.get(client.client_id)
            held = "nobody's" if found is None else f"that of line {found}"
            self._differ("client id", wanted.line, expected="as answered", found=held)

    def _differ(self, what: str, line: int | None, *, expected: str, found: str) -> None:
        self.verdict.add(Difference(what, line, expected, found))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")
