"""How far the case systems have come.

Counted in memory as work commits, started from what is stored.
"""

import time
from collections.abc import Mapping

from msgspec import Struct

STAGES = ("transferred", "fetched", "acknowledged", "withdrawn", "refused")

PASSED = {
    "transferred": ("received", "fetched", "acknowledged", "refused", "ended"),
    "fetched": ("fetched", "acknowledged"),
    "acknowledged": ("acknowledged",),
    "withdrawn": ("ended",),
    "refused": ("refused",),
}
"""Which stored states have passed a stage, for the counts that begin with what is stored."""


class StageCount(Struct):
    """How many clients passed a stage in all, and when this process counted its first and last.

    Seconds since the epoch.
    """

    count: int = 0
    first_at_s: float | None = None
    last_at_s: float | None = None


class Progress:
    """Counts of one case system by stage."""

    def __init__(self) -> None:
        self.stages = {stage: StageCount() for stage in STAGES}

    def start_from(self, states: Mapping[str, int]) -> None:
        """Begin with what is stored: so many clients in each state."""
        for stage, passed in PASSED.items():
            self.stages[stage].count = sum(states.get(state, 0) for state in passed)

    def add(self, stage: str, count: int) -> None:
        """Count clients that passed a stage, after their commit."""
        if count == 0:
            return
        entry = self.stages[stage]
        now_s = time.time()
        entry.count += count
        entry.first_at_s = entry.first_at_s or now_s
        entry.last_at_s = now_s


def total(progresses: list[Progress]) -> dict[str, StageCount]:
    """Return the counts of all case systems together."""
    summed: dict[str, StageCount] = {}
    for stage in STAGES:
        entries = [progress.stages[stage] for progress in progresses]
        firsts = [entry.first_at_s for entry in entries if entry.first_at_s is not None]
        lasts = [entry.last_at_s for entry in entries if entry.last_at_s is not None]
        summed[stage] = StageCount(
            count=sum(entry.count for entry in entries),
            first_at_s=min(firsts, default=None),
            last_at_s=max(lasts, default=None),
        )
    return summed
