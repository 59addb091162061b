"""Whether a process of a server runs, whoever started it."""

import psutil


def is_running(process: psutil.Process) -> bool:
    """Say whether a process runs; one that has ended and that nobody has collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
