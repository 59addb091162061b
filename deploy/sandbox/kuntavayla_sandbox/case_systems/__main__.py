"""The process of the case systems.

`python -m kuntavayla_sandbox.case_systems DESCRIPTOR`, configuration on its input.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from starlette.applications import Starlette

from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.case_systems.configuration import Configuration
from kuntavayla_sandbox.case_systems.control import create_app
from kuntavayla_sandbox.case_systems.fleet import open_fleet, working
from kuntavayla_sandbox.serving import (
    end_with_parent,
    loop_factory,
    make_server,
    read_configuration,
)


async def serve(configuration: Configuration, *, descriptor: int) -> None:
    """Let the case systems work and answer about them until SIGTERM."""
    async with open_fleet(configuration) as fleet:

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with working(fleet):
                yield

        server = make_server(create_app(fleet, lifespan=lifespan))
        # The server raises the signal that stopped it once more at its end; what is open here is
        # still to be closed.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with socket.socket(fileno=descriptor) as listening:
            await server.serve(sockets=[listening])


def main() -> None:
    """Run the process."""
    configure_logging(service="case-systems", version=version("kuntavayla-sandbox"))
    configuration = read_configuration(Configuration)
    end_with_parent()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(configuration, descriptor=int(sys.argv[1])))


if __name__ == "__main__":
    main()
