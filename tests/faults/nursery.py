"""A process that has imported a program and forks it anew whenever the one before has ended.

`python -m tests.faults.nursery DESCRIPTOR MODULE [ARGUMENT...]`: each fork runs the module's `main`
with the arguments, reads its configuration from the input that all share, and is as real a process
as one started from nothing; but its imports, a second of work, are done. The socket of the
descriptor tells of each fork: a line with its process id, and a line when it has ended.
"""

import importlib
import os
import socket
import sys
import threading

ENDED = b"ended\n"


def main() -> None:
    """Fork until the parent has gone."""
    descriptor, module, *arguments = sys.argv[1:]
    run = importlib.import_module(module).main
    assert threading.active_count() == 1, "a fork would have no other thread"
    sys.argv = [module, *arguments]
    parent = os.getppid()
    with socket.socket(fileno=int(descriptor)) as told:
        while os.getppid() == parent:
            pid = os.fork()
            if pid == 0:
                told.close()
                run()
                return
            told.sendall(b"%d\n" % pid)
            os.waitpid(pid, 0)
            told.sendall(ENDED)


if __name__ == "__main__":
    main()
