"""Sets of line numbers as runs, in order and apart, as PostgreSQL's int8multirange has them; pure.

A run is its first and its last number, both inside.
"""

import re
from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]
_RANGE = re.compile(r"\[(\d+),(\d+)\)")


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """Return the runs of numbers that are given in rising order."""
    runs: list[tuple[int, int]] = []
    first = last = None
    for number in numbers:
        if last is None or number != last + 1:
            if first is not None and last is not None:
                runs.append((first, last))
            first = number
        last = number
    if first is not None and last is not None:
        runs.append((first, last))
    return tuple(runs)


def union(one: Ranges, other: Ranges) -> Ranges:
    """Return the runs of what is in one or the other; neighbours become one run."""
    runs: list[tuple[int, int]] = []
    for first, last in sorted(one + other):
        if runs and first <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
        else:
            runs.append((first, last))
    return tuple(runs)


def above(ranges: Ranges, number: int) -> Ranges:
    """Return the part that is greater than a number."""
    return tuple((max(first, number + 1), last) for first, last in ranges if last > number)


def count_of(ranges: Ranges) -> int:
    """Return how many numbers the runs hold."""
    return sum(last - first + 1 for first, last in ranges)


def text_of(ranges: Ranges) -> str:
    """Return the runs as PostgreSQL writes an int8multirange."""
    return "{" + ",".join(f"[{first},{last + 1})" for first, last in ranges) + "}"


def parse_text(text: str) -> Ranges:
    """Return the runs of PostgreSQL's text of an int8multirange."""
    return tuple((int(first), int(end) - 1) for first, end in _RANGE.findall(text))
