"""The process of the TE offices' receivers.

`python -m kuntavayla_sandbox.te_office DESCRIPTOR [DESCRIPTOR OF TLS]`, configuration on its input.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version

from kuntavayla.http.serving import settle_memory
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.serving import (
    end_with_parent,
    loop_factory,
    make_server,
    read_configuration,
    served_here,
)
from kuntavayla_sandbox.te_office.configuration import Configuration
from kuntavayla_sandbox.te_office.running import CuttableProtocol, open_receivers


async def serve(configuration: Configuration, *, descriptors: Sequence[int]) -> None:
    """Let the receivers receive until SIGTERM."""
    async with AsyncExitStack() as opened:
        served = await opened.enter_async_context(open_receivers(configuration))
        plain, *others = [
            opened.enter_context(socket.socket(fileno=descriptor)) for descriptor in descriptors
        ]
        secured = configuration.secured
        if served.secured is not None and secured is not None:
            await opened.enter_async_context(
                served_here(
                    served.secured, listening=others[0], http=CuttableProtocol, tls=secured.trust
                )
            )
        server = make_server(served.plain, http=CuttableProtocol)
        # The server raises the signal that stopped it once more at its end; what is open here is
        # still to be closed.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await server.serve(sockets=[plain])


def main() -> None:
    """Run the process."""
    configure_logging(service="te-offices", version=version("kuntavayla-sandbox"))
    configuration = read_configuration(Configuration)
    end_with_parent()
    settle_memory()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(configuration, descriptors=[int(each) for each in sys.argv[1:]]))


if __name__ == "__main__":
    main()
