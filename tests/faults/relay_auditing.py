"""The checker of the relay's audit: each acceptance, repair, receipt and pause has its line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.faults.relay_checking import Stored
from tests.faults.relay_items import RECEIVERS

AUDITED = {
    "new": "information.accepted",
    "correct": "information.corrected",
    "withdraw": "information.withdrawn",
}
NOTED = {
    "retried": "delivery.retried",
    "skipped": "delivery.skipped",
    "resent": "delivery.resent",
}
REFUSALS = frozenset(
    {
        "information_ended",
        "in_progress",
        "municipal_id_reused",
        "municipality_not_served",
        "only_by_rest",
    }
)
"""Outcomes of calls and records that leave nothing but a line of the audit."""


def check_audit(stored: Stored, *, pauses: int, resumptions: int) -> Iterator[str]:
    """Each acceptance, repair, later receipt and pause has its line."""
    lines = Counter(
        (row["action"], row["resource_id"])
        for row in stored.audit
        if row["outcome"] not in REFUSALS
    )
    wanted = Counter((AUDITED[row["action"]], row["information_id"]) for row in stored.items)
    for note in stored.notes:
        wanted[NOTED.get(note["action"], "receipt.received"), note["information_id"]] += 1
    kinds = {*AUDITED.values(), *NOTED.values(), "receipt.received"}
    yield from _unlike({key: n for key, n in lines.items() if key[0] in kinds}, wanted)
    for done, times in (("paused", pauses), ("resumed", resumptions)):
        counted = sum(lines[f"receiver.{done}:{each}", None] for each in RECEIVERS)
        if counted < times:
            yield f"{counted} lines say that a receiver was {done}, of {times}"


def _unlike(lines: Mapping[Any, int], wanted: Mapping[Any, int]) -> Iterable[str]:
    for key in {*lines, *wanted}:
        if lines.get(key, 0) != wanted.get(key, 0):
            yield f"{key} has {lines.get(key, 0)} lines, not {wanted.get(key, 0)}"
