"""Outcomes of operations at the edge: acts run again, failures raised after the commit."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from kuntavayla.auth import Refusal
from kuntavayla.database import AGAIN
from kuntavayla.errors import DomainError

T = TypeVar("T")
REPEATS_MAX = 3
"""How often a transaction that lost against another one is run again."""


def settled(outcome: T | DomainError | Refusal) -> T:
    """Return the value of an outcome, or raise its failure.

    Call it after the transaction, so that its audit line stands.
    """
    if isinstance(outcome, DomainError | Refusal):
        raise outcome
    return outcome


async def repeating(act: Callable[[], Awaitable[T]]) -> T:
    """Run an act that is one transaction, again where it lost against another one."""
    for _ in range(REPEATS_MAX):
        try:
            return await act()
        except AGAIN:
            continue
    return await act()
