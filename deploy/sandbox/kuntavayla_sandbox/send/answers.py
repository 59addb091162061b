"""What the service answers line by line, and what the sender makes of it."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

FIRST_FAULTS = 3
"""How many lines a report names for each fault code."""
AGAIN = frozenset({409, 429, 503})
"""Statuses of a line that may pass when it is sent again."""
IN_PROGRESS = "in_progress"


class LineFault(Struct, frozen=True):
    """One fault of a line's content."""

    pointer: str = ""
    code: str = ""


class LineProblem(Struct, frozen=True):
    """Why a line was refused."""

    code: str = ""
    errors: tuple[LineFault, ...] = ()


class LineResult(Struct, frozen=True):
    """The short answer to a registration."""

    outcome: str = ""
    decided_by: str = ""
    client_id: str = ""
    registration_id: str = ""


class CallSummary(Struct, frozen=True):
    """The last line of a complete answer."""

    lines: int
    created: int
    replayed: int
    failed: int


class LineAnswer(Struct, frozen=True):
    """One line of the answer; `line` counts within the call, and 0 stands for the summary."""

    line: int = 0
    key: str | None = None
    status: int = 0
    replayed: bool = False
    result: LineResult | None = None
    problem: LineProblem | None = None
    summary: CallSummary | None = None

    def is_to_repeat(self) -> bool:
        """Tell whether the line was not executed and may pass when it is sent again."""
        if self.problem is None or self.status not in AGAIN:
            return False
        return self.status != 409 or self.problem.code == IN_PROGRESS  # noqa: PLR2004 - HTTP's own number


class FaultCount(Struct):
    """How often a fault code was answered, and where first: line of the file and pointer."""

    count: int = 0
    first: list[tuple[int, str]] = []


class Tally(Struct):
    """What became of lines: the summary of one part, or of all."""

    lines: int = 0
    created: int = 0
    replayed: int = 0
    failed: int = 0
    faults: dict[str, FaultCount] = {}

    def add_line(self, answer: LineAnswer, *, file_line: int) -> None:
        """Count one line's final answer."""
        self.lines += 1
        if answer.problem is not None:
            self.failed += 1
            faults = answer.problem.errors or (LineFault("", answer.problem.code),)
            for fault in faults:
                self._add_fault(fault, file_line=file_line)
        elif answer.replayed:
            self.replayed += 1
        else:
            self.created += 1

    def _add_fault(self, fault: LineFault, *, file_line: int) -> None:
        entry = self.faults.setdefault(fault.code, FaultCount())
        entry.count += 1
        if len(entry.first) < FIRST_FAULTS:
            entry.first.append((file_line, fault.pointer))


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the parts' tallies together; each fault code keeps its first lines."""
    summed = Tally()
    for tally in tallies:
        summed.lines += tally.lines
        summed.created += tally.created
        summed.replayed += tally.replayed
        summed.failed += tally.failed
        for code, entry in tally.faults.items():
            into = summed.faults.setdefault(code, FaultCount())
            into.count += entry.count
            into.first = sorted(into.first + entry.first)[:FIRST_FAULTS]
    return summed


_decode_lines = msgspec.json.Decoder(LineAnswer).decode_lines


def parse_answer(content: bytes) -> list[LineAnswer] | None:
    """Return the lines of a complete answer without its summary; None where it is cut off."""
    try:
        lines = _decode_lines(content)
    except msgspec.DecodeError:
        return None
    if not lines or lines[-1].summary is None or lines[-1].summary.lines != len(lines) - 1:
        return None
    return lines[:-1]
