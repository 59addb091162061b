"""A service as a process of its own: its settings and its legal clock come in its input."""

import asyncio
from typing import Any, Protocol, TypeVar

import holidays.countries  # noqa: F401 - else each fork reads all countries at its start
from fastapi import FastAPI
from msgspec import Struct

from kuntavayla.http.serving import serve
from kuntavayla.service.running import Clock
from kuntavayla.settings import ServiceSettings
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.serving import end_with_parent, loop_factory, read_configuration

Settings = TypeVar("Settings", bound=ServiceSettings)
Settings_contra = TypeVar("Settings_contra", bound=ServiceSettings, contravariant=True)


class CreateApp(Protocol[Settings_contra]):
    """Makes the app of a service."""

    def __call__(self, settings: Settings_contra, /, *, clock: Clock) -> FastAPI: ...


class Start(Struct, frozen=True):
    """What the process is told: settings by name, and the legal clock."""

    settings: dict[str, Any]
    clock: LegalClock


def serve_told(
    service: str, settings_type: type[Settings], create_app: CreateApp[Settings]
) -> None:
    """Serve until the process is told to end, or its starter has gone."""
    configure_logging(service=service, version="1")
    start = read_configuration(Start)
    end_with_parent()
    settings = settings_type(**start.settings)
    app = create_app(settings, clock=start.clock)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(app, settings, on_listening=lambda _: None))
