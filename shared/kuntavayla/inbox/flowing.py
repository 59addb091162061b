"""Messages through a handler in order: what it cannot do stands alone, and only its key waits.

What belongs here: the way of a batch inside one transaction, and what each failure of a handler
means. What is stored of it stands in `parking` and `repairing`.
"""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import assert_never

from msgspec import Struct

from kuntavayla.auth import Refusal
from kuntavayla.database import AGAIN, AWAY, BUSY, Connection
from kuntavayla.errors import DomainError, InvalidContent, Kind
from kuntavayla.inbox.sources import Incoming, IncomingEvent, Malformed, SourceAway
from kuntavayla.telemetry import log

PASSING: tuple[type[BaseException], ...] = (SourceAway, *AWAY, *AGAIN, *BUSY)
"""Failures that pass by themselves: the batch is read again."""
UNFORESEEN = "internal_fault"
"""The reason of a message on which a handler broke in a way that it does not name."""

Handler = Callable[[Connection, Sequence[IncomingEvent]], Awaitable[None]]
Check = Callable[[IncomingEvent], None]
"""Raises the failure of a message that no state could make acceptable; asks no database."""


class Arrival(Struct, frozen=True):
    """A message on its way to the handler, with the key by which it keeps its order."""

    key: str
    incoming: Incoming


class Fate(StrEnum):
    """What became of a message: handled, parked, queued behind a parked one, or not reached."""

    HANDLED = "handled"
    PARKED = "parked"
    QUEUED = "queued"
    UNTOUCHED = "untouched"


class Verdict(Struct, frozen=True):
    """What became of a message; of a parked one also why, and the codes of every fault."""

    fate: Fate
    reason: str = ""
    codes: tuple[str, ...] = ()


HANDLED, QUEUED, UNTOUCHED = Verdict(Fate.HANDLED), Verdict(Fate.QUEUED), Verdict(Fate.UNTOUCHED)
StopReason = Callable[[Sequence[tuple[int, str]]], Awaitable[str | None]]
"""From place and key of each message parked so far to why the consumer must stop, or None."""


async def never_stop(_: Sequence[tuple[int, str]]) -> str | None:
    """Return that nothing stops: a repair is bounded by itself."""
    return None


def passes(error: BaseException) -> bool:
    """Say whether a failure passes by itself, so that the same later is safe and may succeed."""
    if isinstance(error, DomainError):
        match error.kind:
            case Kind.UNAVAILABLE:
                return True
            case Kind.INVALID | Kind.NOT_FOUND | Kind.CONFLICT | Kind.FORBIDDEN:
                return False
            case _:
                assert_never(error.kind)
    # A value that asyncpg cannot send is an InterfaceError too, and no server is away for it.
    return isinstance(error, PASSING) and not isinstance(error, ValueError)


def poison_of(error: Exception) -> Verdict:
    """Return the verdict on a message that alone fails by this; no message of an error is kept."""
    if isinstance(error, InvalidContent):
        codes = tuple(dict.fromkeys(fault.code for fault in error.faults))
        return Verdict(Fate.PARKED, error.code, codes or (error.code,))
    if isinstance(error, DomainError):
        return Verdict(Fate.PARKED, error.code, (error.code,))
    if isinstance(error, Refusal):
        return Verdict(Fate.PARKED, error.problem.code, (error.problem.code,))
    log.error("inbox.handler_failed", exc_info=error)
    return Verdict(Fate.PARKED, UNFORESEEN, (UNFORESEEN,))


class Flow:
    """One batch on its way: each part in a savepoint, halved where it fails until one stands alone.

    `blocked` are the keys of which a message is parked already; those that park here join them.
    """

    def __init__(
        self,
        arrivals: Sequence[Arrival],
        *,
        handle: Handler,
        check: Check | None,
        blocked: set[str],
    ) -> None:
        self.blocked = blocked
        self.verdicts = [UNTOUCHED] * len(arrivals)
        self.stop_reason: str | None = None
        self._arrivals = arrivals
        self._handle = handle
        self._faults = [_fault_of(arrival.incoming, check) for arrival in arrivals]
        self._parked: list[tuple[int, str]] = []

    async def run(self, connection: Connection, *, stop: StopReason = never_stop) -> None:
        """Give every message its verdict, in order; what lies behind a stop stays untouched.

        Runs inside the caller's transaction. Raises what passes by itself.
        """
        pending = [range(len(self._arrivals))] if self._arrivals else []
        while pending and self.stop_reason is None:
            part = pending.pop()
            if await self._try(connection, part, stop=stop):
                continue
            middle = part.start + len(part) // 2
            pending += [range(middle, part.stop), range(part.start, middle)]

    async def _try(self, connection: Connection, part: range, *, stop: StopReason) -> bool:
        """Settle a part as a whole; say False where it must be halved, with nothing done."""
        verdicts = self._foreseen(part)
        reason = await self._reason_to_stop(part, verdicts, stop=stop)
        if reason is not None and len(part) > 1:
            return False
        failure = await self._attempt(connection, part, verdicts)
        if failure is not None:
            if len(part) > 1:
                return False
            verdicts = [poison_of(failure)]
            reason = await self._reason_to_stop(part, verdicts, stop=stop)
        for place, verdict in zip(part, verdicts, strict=True):
            self.verdicts[place] = verdict
        self._parked += self._parked_of(part, verdicts)
        self.blocked.update(key for _, key in self._parked_of(part, verdicts))
        self.stop_reason = reason
        return True

    def _foreseen(self, part: range) -> list[Verdict]:
        """Return the verdicts on a part if its handler does all that it is given."""
        blocked = set(self.blocked)
        verdicts = []
        for place in part:
            key, fault = self._arrivals[place].key, self._faults[place]
            verdicts.append(QUEUED if key in blocked else fault or HANDLED)
            if fault is not None:
                blocked.add(key)
        return verdicts

    async def _attempt(
        self, connection: Connection, part: range, verdicts: Sequence[Verdict]
    ) -> Exception | None:
        """Hand over what flows, in a savepoint; return what it failed by, with nothing done."""
        flowing = [
            incoming
            for place, verdict in zip(part, verdicts, strict=True)
            if verdict is HANDLED
            and isinstance(incoming := self._arrivals[place].incoming, IncomingEvent)
        ]
        if not flowing:
            return None
        try:
            async with connection.transaction():
                await self._handle(connection, flowing)
        except Exception as error:
            if passes(error):
                raise
            return error
        return None

    async def _reason_to_stop(
        self, part: range, verdicts: Sequence[Verdict], *, stop: StopReason
    ) -> str | None:
        parked = self._parked_of(part, verdicts)
        return await stop([*self._parked, *parked]) if parked else None

    def _parked_of(self, part: range, verdicts: Sequence[Verdict]) -> list[tuple[int, str]]:
        return [
            (place, self._arrivals[place].key)
            for place, verdict in zip(part, verdicts, strict=True)
            if verdict.fate is Fate.PARKED
        ]


def _fault_of(incoming: Incoming, check: Check | None) -> Verdict | None:
    """Return the verdict on a message that no handler need see, or None."""
    if isinstance(incoming, Malformed):
        return Verdict(Fate.PARKED, incoming.reason, (incoming.reason,))
    if check is None:
        return None
    try:
        check(incoming)
    except Exception as error:
        if passes(error):
            raise
        return poison_of(error)
    return None
