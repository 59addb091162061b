"""Quota-ledger as a process: its settings and its legal clock come in its input."""

import asyncio
from typing import Any

import holidays.countries  # noqa: F401 - else each fork reads all countries at its start
from msgspec import Struct

from kuntavayla.http.serving import serve
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.serving import end_with_parent, loop_factory, read_configuration
from quota_ledger.app import create_app
from quota_ledger.settings import Settings


class Start(Struct, frozen=True):
    """What the process is told: settings by name, and the legal clock."""

    settings: dict[str, Any]
    clock: LegalClock


def main() -> None:
    """Serve until the process is told to end, or its starter has gone."""
    configure_logging(service="quota-ledger", version="1")
    start = read_configuration(Start)
    end_with_parent()
    settings = Settings(**start.settings)
    app = create_app(settings, clock=start.clock)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(app, settings, on_listening=lambda _: None))
