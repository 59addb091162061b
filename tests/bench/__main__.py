"""Run rows: `python -m tests.bench [ROW]`, or by `ONLY=`; one table, and `build/bench.json`."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import uvloop

from tests.bench import (
    audit_seal,
    day_one,
    day_one_kafka,
    growth,
    intake,
    latency,
    ledger_bulk,
    ledger_hot,
    outbox,
    persons_fetch,
    relay,
    relay_outage,
)
from tests.bench.results import Result, table_of, write_results

ROWS: Mapping[str, Callable[[], Coroutine[Any, Any, list[Result]]]] = {
    "day-one": day_one.run,
    "day-one-kafka": day_one_kafka.run,
    "event-latency": latency.run,
    "growth": growth.run,
    "persons-fetch": persons_fetch.run,
    "intake": intake.run,
    "ledger-hot": ledger_hot.run,
    "ledger-bulk": ledger_bulk.run,
    "outbox": outbox.run,
    "audit-seal": audit_seal.run,
    "relay": relay.run,
    "relay-outage": relay_outage.run,
}

BY_NAME_ONLY = frozenset({"growth", "relay-outage"})
"""Rows that run only where they are asked for, because they take many minutes."""

ON_THE_SERVICES_LOOP = frozenset({"relay"})
"""Rows whose part of a service runs in this process, and their floor: on uvicorn's event loop."""


def wanted() -> list[str]:
    """Return the rows to run; ends the process where one is asked for that does not exist."""
    only = sys.argv[1:] or [name for name in os.environ.get("ONLY", "").split(",") if name]
    unknown = [name for name in only if name not in ROWS]
    if unknown:
        sys.exit(f"There is no row {', '.join(unknown)}; there are {', '.join(ROWS)}.")
    return only or [name for name in ROWS if name not in BY_NAME_ONLY]


def run(names: list[str]) -> list[Result]:
    """Run rows one after the other, each on a server and an event loop of its own."""
    results: list[Result] = []
    for name in names:
        print(f"{name} ...", flush=True)
        factory = uvloop.new_event_loop if name in ON_THE_SERVICES_LOOP else None
        with asyncio.Runner(loop_factory=factory) as runner:
            results += runner.run(ROWS[name]())
    return results


def main() -> None:
    """Run, write the file, print the table."""
    results = run(wanted())
    path = write_results(results)
    print(f"\n{table_of(results)}\n\n{path}")


if __name__ == "__main__":
    main()
