import socket
from collections.abc import Callable

import pytest

from kuntavayla.http.serving import listen_on
from kuntavayla_sandbox.serving import bind_loopback


@pytest.mark.parametrize(
    "listen", [bind_loopback, lambda: listen_on("127.0.0.1", 0)], ids=["sandbox", "service"]
)
def test_no_answer_waits_for_the_acknowledgement_of_its_head(
    listen: Callable[[], socket.socket],
) -> None:
    with listen() as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()):
            answering, _ = listening.accept()

            with answering:
                assert answering.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
