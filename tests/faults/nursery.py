"""A process that has imported a program and forks it anew whenever the one before has ended.

`python -m tests.faults.nursery DESCRIPTOR MODULE [ARGUMENT...]`: each fork runs the module's `main`
with the arguments and is as real a process as one started from nothing; but its imports, a second
of work, are done. Over the socket of the descriptor go, line by line: the process id of each fork
and the news of its end, and back, behind the id, the configuration that it reads from its input.
"""

import importlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

ENDED = b"ended\n"
LINE_BYTES_MAX = select.PIPE_BUF
"""A line this long is written and read in one piece."""


def main() -> None:
    """Fork until the other end of the socket has gone."""
    descriptor, module, *arguments = sys.argv[1:]
    run = importlib.import_module(module).main
    assert threading.active_count() == 1, "a fork would have no other thread"
    sys.argv = [module, *arguments]
    with socket.socket(fileno=int(descriptor)) as line:
        while fork(line, run):
            line.sendall(ENDED)


def fork(line: socket.socket, run: Callable[[], None]) -> bool:
    """Run one fork to its end; False where nobody wants another one."""
    input_, to_input = os.pipe()
    life, while_alive = os.pipe()
    pid = os.fork()
    if pid == 0:
        for descriptor in (to_input, life, line.detach()):
            os.close(descriptor)
        os.dup2(input_, sys.stdin.fileno())
        run()
        sys.exit()
    os.close(input_)
    os.close(while_alive)
    line.sendall(b"%d\n" % pid)
    is_wanted = relay(line, to_input, pid=pid, life=life)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(to_input)
    os.close(life)
    return is_wanted


def relay(line: socket.socket, to_input: int, *, pid: int, life: int) -> bool:
    """Hand what comes for the fork to its input until its end, or that of the line: then False."""
    while True:
        readable, _, _ = select.select([line.fileno(), life], [], [])
        if line.fileno() in readable:
            lines = line.recv(LINE_BYTES_MAX).splitlines(keepends=True)
            if not lines:
                return False
            for addressed, _, text in (each.partition(b" ") for each in lines):
                # What was meant for one before has come too late.
                if int(addressed) == pid:
                    with suppress(BrokenPipeError):
                        os.write(to_input, text)
        else:
            return True


if __name__ == "__main__":
    main()
