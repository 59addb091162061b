"""The shares of use that are told: each once, until the allocation changes."""

from quota_ledger.rules.balances import Sums

LEVELS_PER_CENT = (80, 90, 100)
"""Source: sources.md#thresholds."""
_WHOLE_PER_CENT = 100


def level_of(sums: Sums) -> int:
    """Return the highest level that is reached, in per cent; 0 below all, or without a limit."""
    reached = (level for level in LEVELS_PER_CENT if is_used_to(sums, per_cent=level))
    return max(reached, default=0)


def is_used_to(sums: Sums, *, per_cent: int) -> bool:
    """Say whether so much is used; of an account without a limit nothing is."""
    limit_cents = sums.limit_cents
    return limit_cents > 0 and sums.used_cents * _WHOLE_PER_CENT >= per_cent * limit_cents


def told_after(sums: Sums, *, told: int, changed: Sums) -> int:
    """Return what counts as told behind a change.

    Use that goes up and down under the same limit is not told again and again; a new limit is.
    """
    level = level_of(sums)
    if changed.allocated_cents or changed.overridden_cents:
        return level
    return max(level, told)
