"""A service of ours as a process of the stack.

The service itself, with the legal clock in place of the machine's.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version

from fastapi import FastAPI

from kuntavayla.http.serving import settle_memory
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.serving import end_with_parent, read_configuration, serve_inherited


def run_service(service: str, *, make_app: Callable[[LegalClock], FastAPI]) -> None:
    """Run the process of a service on the socket that it is given, the clock on its input."""
    configure_logging(service=service, version=version(f"kuntavayla-{service}"))
    clock = read_configuration(LegalClock)
    end_with_parent()
    settle_memory()
    serve_inherited(make_app(clock), descriptor=int(sys.argv[1]))
