"""The process of the TE offices' receivers.

`python -m kuntavayla_sandbox.te_office DESCRIPTOR`, configuration on its input.
"""

import asyncio
import signal
import socket
import sys
from importlib.metadata import version

from kuntavayla.http.serving import settle_memory
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.serving import (
    end_with_parent,
    loop_factory,
    make_server,
    read_configuration,
)
from kuntavayla_sandbox.te_office.configuration import Configuration
from kuntavayla_sandbox.te_office.running import CuttableProtocol, open_receivers


async def serve(configuration: Configuration, *, descriptor: int) -> None:
    """Let the receivers receive until SIGTERM."""
    async with open_receivers(configuration) as app:
        server = make_server(app, http=CuttableProtocol)
        # The server raises the signal that stopped it once more at its end; what is open here is
        # still to be closed.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with socket.socket(fileno=descriptor) as listening:
            await server.serve(sockets=[listening])


def main() -> None:
    """Run the process."""
    configure_logging(service="te-offices", version=version("kuntavayla-sandbox"))
    configuration = read_configuration(Configuration)
    end_with_parent()
    settle_memory()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(configuration, descriptor=int(sys.argv[1])))


if __name__ == "__main__":
    main()
