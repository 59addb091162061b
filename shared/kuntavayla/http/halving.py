"""Find the item that fails a whole batch: repeat, or roll back and halve until it stands alone."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

REPEATS_MAX = 3


class Remedy(Enum):
    """What helps against an exception of a batch."""

    REPEAT = "repeat"
    SPLIT = "split"
    NONE = "none"


async def run_halving(
    run: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]],
    items: Sequence[Item],
    *,
    remedy_of: Callable[[Exception], Remedy],
) -> list[Outcome | Exception]:
    """Return one outcome per item, in order; `run` does each part in a transaction of its own.

    REPEAT (deadlock, serialisation) runs the same part again, up to 3 times, then raises. SPLIT (a
    row that a constraint or a type refuses) halves the part until the culprit stands alone; its
    exception is its outcome. NONE raises: the database is away, or the fault is ours.
    """
    pending: list[Sequence[Item]] = [items]
    outcomes: list[Outcome | Exception] = []
    while pending:
        part = pending.pop()
        try:
            outcomes.extend(await _run_repeating(run, part, remedy_of=remedy_of))
        except Exception as error:
            if remedy_of(error) is not Remedy.SPLIT:
                raise
            if len(part) == 1:
                outcomes.append(error)
            else:
                middle = len(part) // 2
                pending += [part[middle:], part[:middle]]
    return outcomes


async def _run_repeating(
    run: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]],
    items: Sequence[Item],
    *,
    remedy_of: Callable[[Exception], Remedy],
) -> Sequence[Outcome | Exception]:
    repeats = 0
    while True:
        try:
            return await run(items)
        except Exception as error:
            if remedy_of(error) is not Remedy.REPEAT or repeats == REPEATS_MAX:
                raise
            repeats += 1
