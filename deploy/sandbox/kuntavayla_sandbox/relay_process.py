"""Statement-relay as a process of the stack.

The service itself, with the legal clock in place of the machine's.
"""

import sys
from importlib.metadata import version

from kuntavayla.http.serving import settle_memory
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.serving import end_with_parent, read_configuration, serve_inherited
from statement_relay.app import create_app
from statement_relay.settings import Settings


def main() -> None:
    """Run the process.

    `python -m kuntavayla_sandbox.relay_process DESCRIPTOR`, the clock on its input.
    """
    configure_logging(service="statement-relay", version=version("kuntavayla-statement-relay"))
    clock = read_configuration(LegalClock)
    end_with_parent()
    settle_memory()
    serve_inherited(create_app(Settings(), clock=clock), descriptor=int(sys.argv[1]))


if __name__ == "__main__":
    main()
