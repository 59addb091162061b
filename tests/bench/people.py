"""The registrations that a row sends: people who move, made once and kept under `build/`."""

import os
from datetime import date
from pathlib import Path

from kuntavayla_sandbox.population import movers_only
from tests.bench.results import BUILD

DAY = date(2021, 3, 1)
SEED = 1
REGISTRATIONS_DEFAULT = 230_000
"""The people who moved on day one. Source: targets.md, row day-one."""


def registrations_wanted(default: int = REGISTRATIONS_DEFAULT) -> int:
    """Return how many registrations to send: `REGISTRATIONS=`, or the row's own number."""
    return int(os.environ.get("REGISTRATIONS", default))


def people_file(count: int) -> Path:
    """Return a file of so many registrations, one JSON text a line; the same bytes every time."""
    folder = BUILD / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"movers-{SEED}-{count}.ndjson"
    if not path.exists():
        print(f"making {count} registrations", flush=True)
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            for line in movers_only(count, seed=SEED, legal_date=DAY):
                file.write(line + b"\n")
        draft.replace(path)
    return path.absolute()
