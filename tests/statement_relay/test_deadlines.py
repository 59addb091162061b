"""Deadlines of many calls by one timer, on the event loops that the services may run on."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from statement_relay.clients.deadlines import Deadlines

LONG_S, SHORT_S = 30.0, 0.05
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run_on(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main)

    return run_on


async def forever() -> None:
    await asyncio.Event().wait()


async def told(what: str) -> str:
    await asyncio.sleep(0)
    return what


def test_what_ends_in_time_gives_what_it_gives(run: Run) -> None:
    async def main() -> None:
        deadlines = Deadlines()
        assert await deadlines.keep(told("a"), timeout_s=LONG_S) == "a"
        deadlines.close()

    run(main())


def test_what_takes_longer_ends_at_its_own_deadline(run: Run) -> None:
    async def main() -> None:
        deadlines, began = Deadlines(), time.monotonic()
        ended_s: list[float] = []

        async def keep(timeout_s: float) -> None:
            with pytest.raises(TimeoutError):
                await deadlines.keep(forever(), timeout_s=timeout_s)
            ended_s.append(time.monotonic() - began)

        await asyncio.gather(*(keep(parts * SHORT_S) for parts in (3, 1, 2, 0)))
        deadlines.close()
        assert len(ended_s) == 4
        # The event loop goes by whole milliseconds.
        assert all(took_s > parts * SHORT_S - 0.002 for parts, took_s in enumerate(ended_s))

    run(main())


def test_an_earlier_deadline_that_comes_later_is_kept(run: Run) -> None:
    async def main() -> None:
        deadlines = Deadlines()
        slow = asyncio.create_task(deadlines.keep(forever(), timeout_s=LONG_S))
        await asyncio.sleep(0)

        with pytest.raises(TimeoutError):
            await deadlines.keep(forever(), timeout_s=SHORT_S)

        assert not slow.done()
        slow.cancel()
        await asyncio.wait([slow])
        assert slow.cancelled()
        deadlines.close()

    run(main())


def test_a_deadline_behind_one_that_was_never_reached_is_kept(run: Run) -> None:
    async def main() -> None:
        deadlines = Deadlines()
        await deadlines.keep(told("first"), timeout_s=SHORT_S)

        with pytest.raises(TimeoutError):
            await deadlines.keep(forever(), timeout_s=2 * SHORT_S)

        deadlines.close()

    run(main())


def test_a_failure_and_a_cancellation_stay_what_they_are(run: Run) -> None:
    async def fail() -> None:
        raise ValueError("its own")

    async def main() -> None:
        deadlines = Deadlines()
        with pytest.raises(ValueError, match="its own"):
            await deadlines.keep(fail(), timeout_s=LONG_S)
        task = asyncio.create_task(deadlines.keep(forever(), timeout_s=LONG_S))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        deadlines.close()

    run(main())
