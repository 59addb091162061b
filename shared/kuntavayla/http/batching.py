"""A live micro-batcher without a timer: what arrives during a batch forms the next batch.

So a lone request waits for nobody, and load makes batches grow (architecture.md, "Batch first").
One batcher per process and operation; bulk chunks have a lane of their own. Nothing here knows a
database.
"""

import asyncio
import contextvars
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Generic, TypeVar, cast

from kuntavayla.auth import Refusal
from kuntavayla.errors import DomainError, Unavailable
from kuntavayla.http.problems import INTERNAL_FAULT
from kuntavayla.telemetry import LaneMetrics, log

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Run = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Exception]]]
"""Does one batch in one transaction: one outcome per item, in order.

An exception as outcome is the failure of that item alone.
"""


class QueueFull(Unavailable):
    """Too many requests wait for this operation; send the same request again later."""

    code = "queue_full"


class WaitedTooLong(Unavailable):
    """The request waited too long and was not executed; send the same request again later."""

    code = "waited_too_long"


class OutcomeUnknown(Unavailable):
    """The outcome is not known; send the same request again, its key tells the truth."""

    code = "outcome_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """The limits of one batcher.

    A chunk is twice as large as a batch of single items and has 32 ahead of it at most, not 16: it
    may wait for as long as those take on a busy machine, or whole calls would come to nothing.
    """

    batch_items_max: int = 256
    waiting_items_max: int = 4_096
    chunk_items_max: int = 500
    waiting_chunks_max: int = 32
    wait_s_max: float = 5.0
    chunk_wait_s_max: float = 30.0
    retry_after_s: int = 1


@dataclass(slots=True)
class _Waiting(Generic[Item, Outcome]):
    """One unit of a lane: an item, or a chunk of them, and where its outcomes go."""

    items: Sequence[Item]
    answer: "asyncio.Future[Sequence[Outcome | Exception]]"
    since_s: float


class _Lane(Generic[Item, Outcome]):
    """Units per organisation, taken in turn; one batch in flight."""

    def __init__(
        self,
        run: Run[Item, Outcome],
        *,
        limits: BatchLimits,
        unavailable: tuple[type[BaseException], ...],
        metrics: LaneMetrics | None,
    ) -> None:
        self.run = run
        self.unavailable = unavailable
        self.limits = limits
        self.metrics = metrics
        self.waiting_units = 0
        if metrics is not None:
            metrics.watch_waiting(lambda: self.waiting_units)
        self._queues: OrderedDict[str, deque[_Waiting[Item, Outcome]]] = OrderedDict()
        self._worker: asyncio.Task[None] | None = None

    def put(self, unit: _Waiting[Item, Outcome], *, organisation: str) -> None:
        queue = self._queues.get(organisation)
        if queue is None:
            queue = self._queues[organisation] = deque()
        queue.append(unit)
        self.waiting_units += 1
        if self._worker is None:
            # A context of its own: the batch belongs to no single request.
            self._worker = asyncio.get_running_loop().create_task(
                self._work(), context=contextvars.Context()
            )

    async def drain(self) -> None:
        worker = self._worker
        if worker is not None:
            await worker

    async def _work(self) -> None:
        try:
            while self.waiting_units:
                batch = self._take()
                if batch:
                    await self._do(batch)
        finally:
            self._worker = None
            # Only a cancelled worker leaves anybody waiting.
            for queue in self._queues.values():
                _fail(queue, self._unknown())

    def _take(self) -> list[_Waiting[Item, Outcome]]:
        """Take the next batch, one unit of each organisation in turn, without the late and gone."""
        batch: list[_Waiting[Item, Outcome]] = []
        items = 0
        latest = monotonic() - self.limits.wait_s_max
        while self._queues:
            organisation, queue = next(iter(self._queues.items()))
            if items and items + len(queue[0].items) > self.limits.batch_items_max:
                break
            unit = queue.popleft()
            self.waiting_units -= 1
            del self._queues[organisation]
            if queue:
                self._queues[organisation] = queue
            if self._is_due(unit, latest=latest):
                batch.append(unit)
                items += len(unit.items)
        return batch

    def _is_due(self, unit: _Waiting[Item, Outcome], *, latest: float) -> bool:
        if unit.answer.done():
            return False
        if unit.since_s < latest:
            unit.answer.set_exception(WaitedTooLong(retry_after_s=self.limits.retry_after_s))
            if self.metrics is not None:
                self.metrics.count_refused(len(unit.items))
            return False
        return True

    async def _do(self, batch: list[_Waiting[Item, Outcome]]) -> None:
        items = [item for unit in batch for item in unit.items]
        if self.metrics is not None:
            self.metrics.observe_size(len(items))
        try:
            outcomes = await self.run(items)
            assert len(outcomes) == len(items), "one outcome per item"
        except (DomainError, Refusal) as failure:
            _fail(batch, failure)
        except asyncio.CancelledError:
            _fail(batch, self._unknown())
            raise
        except Exception as error:  # noqa: BLE001  # the loop must go on for the next batch
            _fail(batch, self._failure_of(error))
        else:
            _answer(batch, outcomes)

    def _failure_of(self, error: Exception) -> DomainError | Refusal:
        if isinstance(error, self.unavailable):
            log.warning("batch.outcome_unknown", error_type=type(error).__name__)
            return self._unknown()
        log.error("batch.failed", exc_info=error)
        return Refusal(INTERNAL_FAULT)

    def _unknown(self) -> OutcomeUnknown:
        return OutcomeUnknown(retry_after_s=self.limits.retry_after_s)


def _answer(
    batch: Sequence[_Waiting[Item, Outcome]], outcomes: Sequence[Outcome | Exception]
) -> None:
    at = 0
    for unit in batch:
        end = at + len(unit.items)
        if not unit.answer.done():
            unit.answer.set_result(outcomes[at:end])
        at = end


def _fail(batch: Iterable[_Waiting[Item, Outcome]], failure: DomainError | Refusal) -> None:
    for unit in batch:
        if not unit.answer.done():
            unit.answer.set_exception(failure)


class MicroBatcher(Generic[Item, Outcome]):
    """Collect items and bulk chunks into batches, fair to every organisation, bounded everywhere.

    `unavailable` are the exceptions of `run` that mean "away, or the outcome of a commit unknown".
    """

    def __init__(
        self,
        run: Run[Item, Outcome],
        *,
        limits: BatchLimits,
        unavailable: tuple[type[BaseException], ...] = (),
        single_metrics: LaneMetrics | None = None,
        bulk_metrics: LaneMetrics | None = None,
    ) -> None:
        self._limits = limits
        self._single = _Lane(run, limits=limits, unavailable=unavailable, metrics=single_metrics)
        # A chunk is a batch of its own: the lane stops behind the first unit.
        alone = replace(limits, batch_items_max=1, wait_s_max=limits.chunk_wait_s_max)
        self._bulk = _Lane(run, limits=alone, unavailable=unavailable, metrics=bulk_metrics)
        self._is_closed = False

    async def submit(self, item: Item, *, organisation: str) -> Outcome:
        """Return the outcome, or raise the failure; 503 where the queue or the wait is too long.

        A caller that goes away before the batch starts takes its item along; later, nothing
        changes.
        """
        self._require_room(self._single, self._limits.waiting_items_max)
        [outcome] = await self._put(self._single, [item], organisation=organisation)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def submit_bulk(
        self, items: Sequence[Item], *, organisation: str
    ) -> list[Outcome | Exception]:
        """Return one outcome or failure per item, in order; one chunk is in flight in this lane."""
        outcomes: list[Outcome | Exception] = []
        size = self._limits.chunk_items_max
        for start in range(0, len(items), size):
            chunk = items[start : start + size]
            outcomes.extend(await self.submit_chunk(chunk, organisation=organisation))
        return outcomes

    async def submit_chunk(
        self, items: Sequence[Item], *, organisation: str
    ) -> Sequence[Outcome | Exception]:
        """Do one chunk as a batch of its own; a failure of the whole is that of each item."""
        assert len(items) <= self._limits.chunk_items_max, "a chunk has its limit"
        try:
            self._require_room(self._bulk, self._limits.waiting_chunks_max)
            return await self._put(self._bulk, items, organisation=organisation)
        except (DomainError, Refusal) as failure:
            return [failure] * len(items)

    @property
    def waiting(self) -> tuple[int, int]:
        """Return how many single items and how many bulk chunks wait now."""
        return self._single.waiting_units, self._bulk.waiting_units

    async def close(self) -> None:
        """Take no more; return when what was taken is answered."""
        self._is_closed = True
        await self._single.drain()
        await self._bulk.drain()

    def _require_room(self, lane: _Lane[Item, Outcome], units_max: int) -> None:
        if self._is_closed or lane.waiting_units >= units_max:
            if lane.metrics is not None:
                lane.metrics.count_refused(1)
            raise QueueFull(retry_after_s=self._limits.retry_after_s)

    async def _put(
        self, lane: _Lane[Item, Outcome], items: Sequence[Item], *, organisation: str
    ) -> Sequence[Outcome | Exception]:
        answer = asyncio.get_running_loop().create_future()
        lane.put(_Waiting(items, answer, monotonic()), organisation=organisation)
        return cast("Sequence[Outcome | Exception]", await answer)
