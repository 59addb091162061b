"""Timed loops of a process: run again and again, each run on record for who asks how they are.

A run that fails, whatever the reason, is told in the log and in the record, and the next one
follows as usual.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NoReturn

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge

from kuntavayla.telemetry.logs import log


class JobState(Struct, kw_only=True, omit_defaults=True):
    """How one timed loop of this process fares; what has not happened yet is left out."""

    name: str
    interval_s: float
    last_run_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error_at: datetime | None = None
    last_error_type: str | None = None


class Jobs:
    """The timed loops of one process; `clock` gives the time of what is on record."""

    def __init__(self, clock: Callable[[], datetime], *, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._states: dict[str, JobState] = {}
        # The label is not "job": by that name Prometheus tells which service a series is of.
        self._succeeded_at = Gauge(
            "kuntavayla_job_last_success_timestamp_seconds",
            "When a timed loop last ran without a failure.",
            ("loop",),
            registry=registry,
        )
        self._failures = Counter(
            "kuntavayla_job_failures",
            "Runs of a timed loop that failed.",
            ("loop",),
            registry=registry,
        )

    @property
    def states(self) -> list[JobState]:
        """Return how each loop fares, in the order in which they were started."""
        return list(self._states.values())

    async def repeat(
        self, name: str, run: Callable[[], Awaitable[object]], *, interval_s: float
    ) -> NoReturn:
        """Run a job at once and then again `interval_s` after each end, until cancelled."""
        state = self._states[name] = JobState(name=name, interval_s=interval_s)
        failures, succeeded_at = self._failures.labels(name), self._succeeded_at.labels(name)
        while True:
            state.last_run_at = self._clock()
            try:
                await run()
            except Exception as error:  # noqa: BLE001 - a loop that tries again, whatever failed
                state.last_error_at, state.last_error_type = self._clock(), type(error).__name__
                failures.inc()
                log.warning("job.failed", job=name, error_type=type(error).__name__)
            else:
                state.last_success_at = self._clock()
                succeeded_at.set_to_current_time()
            await asyncio.sleep(interval_s)
