"""`kuntavayla up` as a process of its own, and a small file of people to send to it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil

from kuntavayla_sandbox.population import movers_only
from kuntavayla_sandbox.state import Stack, StateDirectory

PATIENCE_S = 60
START_S_MAX = 180
COMMAND = (sys.executable, "-m", "kuntavayla_sandbox.cli")
MARCH_1 = date(2021, 3, 1)
SOTKAMO, KAJAANI = (f'"home_municipality_code":"{code}"'.encode() for code in ("765", "205"))
LINES = [
    line
    for line in movers_only(2_000, seed=3, legal_date=MARCH_1)
    if SOTKAMO in line or KAJAANI in line
]


class UpProcess:
    """`kuntavayla up` as a process of its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.options = options
        self.state = StateDirectory(directory)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        before = self.state.find_stack()
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, "up", *self.options, "--state", str(self.directory)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: self.is_published(before), within_s=START_S_MAX)

    def is_published(self, before: Stack | None) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "`up` ended by itself"
        return self.state.find_stack() not in (None, before)

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_S)

    def stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = json.loads(self.state.stack_file.read_text())
        return stack

    def url(self) -> str:
        return str(self.stack()["services"]["routing-api"])

    def token(self, name: str) -> str:
        return self.run("token", name).stdout.strip()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, *arguments, "--state", str(self.directory)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def get(self, path: str, *, name: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        return httpx.get(self.url() + path, headers=headers)

    def stages(self) -> dict[str, int]:
        status = httpx.get(self.stack()["simulators"]["case-systems"] + "/status").json()
        return {name: entry["count"] for name, entry in status["stages"].items()}


def wait_for(is_reached: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
    deadline_s = time.monotonic() + within_s
    while not is_reached():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


def is_alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def counted(text: str, label: str) -> int:
    [line] = [line for line in text.splitlines() if f" {label} " in line]
    return int("".join(filter(str.isdigit, line)))
