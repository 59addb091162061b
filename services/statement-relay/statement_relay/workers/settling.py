"""The settler of a courier: settles what turns have decided, beside the turns that follow.

One transaction at a time, over everything that has been decided meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from kuntavayla.http import run_halving
from kuntavayla.service.running import remedy_of
from kuntavayla.telemetry import log
from statement_relay.operations.delivering import Decided, refused

PAUSE_S = 0.5
"""The pause after a settling that failed."""
UNSETTLED_MAX = 1_000
"""Beyond these a courier begins no call: what it is told it could not write down in time."""
Settle = Callable[[Sequence[Decided]], Awaitable[Sequence[Decided]]]


class Settler:
    """Settles by `settle`, in a transaction each time; `settled` is told of what has been."""

    def __init__(self, settle: Settle, *, settled: Callable[[Sequence[Decided]], None]) -> None:
        self._settle = settle
        self._settled = settled
        self._unsettled: list[Decided] = []
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False
        self._has_failed = False

    @property
    def is_behind(self) -> bool:
        """Tell whether no call may begin: the last settling has failed, or too much is left."""
        return self._has_failed or len(self._unsettled) > UNSETTLED_MAX

    @property
    def unsettled(self) -> Sequence[Decided]:
        """What has been added and is not settled."""
        return tuple(self._unsettled)

    def add(self, decided: Sequence[Decided]) -> None:
        """Settle these soon, with whatever else there is by then."""
        self._unsettled += decided
        if self._unsettled and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Settle what there is; what the database is away for is left to its leases."""
        self._is_ending = True
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._unsettled:
            part = tuple(self._unsettled)
            try:
                await self._settle_apart(part)
            except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
                self._has_failed = True
                log.warning("relay.settling_failed", error_type=type(error).__name__)
                if self._is_ending:
                    return
                await asyncio.sleep(PAUSE_S)
                continue
            self._has_failed = False
            del self._unsettled[: len(part)]
            self._settled(part)

    async def _settle_apart(self, decided: Sequence[Decided]) -> None:
        """Settle part by part; park what the database refuses for its content.

        What it does not even take as parked is left to its lease.
        """
        outcomes = await run_halving(self._settle, decided, remedy_of=remedy_of)
        culprits = [
            _told(one, outcome)
            for one, outcome in zip(decided, outcomes, strict=True)
            if isinstance(outcome, Exception)
        ]
        if not culprits:
            return
        for outcome in await run_halving(self._settle, culprits, remedy_of=remedy_of):
            if isinstance(outcome, Exception):
                log.error("relay.unsettled", error_type=type(outcome).__name__)


def _told(decided: Decided, error: Exception) -> Decided:
    """Tell the operator what the database refused; return it as it can be settled."""
    log.error(
        "relay.settling_refused",
        error_type=type(error).__name__,
        information_id=decided.called.delivery.information_id,
    )
    return refused(decided)
