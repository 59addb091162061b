"""The shares of use that are told: each once, until the allocation changes."""

from quota_ledger.rules.balances import Sums

LEVELS_PER_CENT = (80, 90, 100)
"""Source: sources.md#thresholds."""
_WHOLE_PER_CENT = 100


def level_of(sums: Sums) -> int:
    """Return the highest level that is reached, in per cent; 0 below all, or without a limit."""
    limit_cents, used_cents = sums.limit_cents, sums.used_cents
    if not limit_cents:
        return 0
    reached = (
        level for level in LEVELS_PER_CENT if used_cents * _WHOLE_PER_CENT >= level * limit_cents
    )
    return max(reached, default=0)


def told_after(sums: Sums, *, told: int, changed: Sums) -> int:
    """Return what counts as told behind a change.

    Use that goes up and down under the same limit is not told again and again; a new limit is.
    """
    level = level_of(sums)
    if changed.allocated_cents or changed.overridden_cents:
        return level
    return max(level, told)
