"""The state directory of one local stack: its files, its lock, its secrets, and `stack.json`.

What belongs here: reading and writing the directory. What runs in it is `stack`'s business.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

DEFAULT_DIRECTORY = Path(".kuntavayla")
PRIVATE_FILE = 0o600
"""Files with secrets or persons are for the owner alone."""
PRIVATE_DIRECTORY = 0o700
PASSABLE_DIRECTORY = 0o711
"""The state's own directory: the user of the database server passes through, and reads nothing."""


def open_private(path: Path) -> BinaryIO:
    """Open a file to be written anew, which only its owner may read: it holds persons."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    os.fchmod(descriptor, PRIVATE_FILE)
    return os.fdopen(descriptor, "wb")


class Identity(Struct, frozen=True):
    """Somebody who may ask the issuer for tokens; `organisation` is the register's id."""

    name: str
    organisation: str
    roles: tuple[str, ...]
    client_id: str
    client_secret: str


class Stack(Struct, frozen=True, kw_only=True):
    """The running stack as counterparts read it: contracts.md, "Local stack".

    `kafka` is there where events travel over a broker: its `bootstrap` address.
    """

    transport: str
    legal_date: str
    token_url: str
    services: dict[str, str]
    simulators: dict[str, str]
    databases: dict[str, str]
    pids: dict[str, int]
    identities: tuple[Identity, ...]
    kafka: dict[str, str] | msgspec.UnsetType = msgspec.UNSET

    def identity(self, name: str) -> Identity:
        """Return the identity of a name; raises UnknownIdentity."""
        for identity in self.identities:
            if identity.name == name:
                return identity
        raise UnknownIdentity(name)


class StateFault(Exception):
    """The state directory cannot be used as asked; the text says why and what to do."""


class UnknownIdentity(StateFault):
    """No identity of that name in the stack."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The stack has no identity {name!r}; `kuntavayla status` lists them.")


class StackNotRunning(StateFault):
    """No stack runs on the directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"No stack runs on {directory}; start one with `kuntavayla up --state {directory}`."
        )


class StackAlreadyRunning(StateFault):
    """Another `up` holds the directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"A stack already runs on {directory}; stop it or give another --state.")


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, all or nothing."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:  # noqa: PTH123 - opened by descriptor, so that it is private from its first byte
        file.write(content)
    draft.replace(path)


class StateDirectory:
    """The directory that one `up` owns while it runs, and that keeps its data between runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def stack_file(self) -> Path:
        """Where counterparts find the running stack."""
        return self.path / "stack.json"

    @property
    def clock_file(self) -> Path:
        """Where the legal clock stands."""
        return self.path / "clock.json"

    @property
    def logs(self) -> Path:
        """Where the processes of the stack write their logs."""
        return self.path / "logs"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the directory inside the block; raises StackAlreadyRunning.

        The kernel drops the lock when its holder dies, so a killed `up` blocks nobody.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        self.close_to_others()
        with (self.path / "up.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackAlreadyRunning(self.path) from None
            yield

    def close_to_others(self) -> None:
        """Let others only pass through to the database's files, which have an owner of their own.

        To be said again after the server's start, which opens the folder for its user.
        """
        self.path.chmod(PASSABLE_DIRECTORY)
        self.logs.chmod(PRIVATE_DIRECTORY)

    def is_owned(self) -> bool:
        """Tell whether some `up` holds the directory now."""
        try:
            with (self.path / "up.lock").open("r") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def find_stack(self) -> Stack | None:
        """Return what the last `up` wrote, also when it was killed since, or None."""
        try:
            return msgspec.json.decode(self.stack_file.read_bytes(), type=Stack)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def load_stack(self) -> Stack:
        """Return the running stack.

        Raises StackNotRunning, also where only a killed one's file is left.
        """
        stack = self.find_stack()
        if stack is None or not self.is_owned():
            raise StackNotRunning(self.path)
        return stack

    def write_stack(self, stack: Stack) -> None:
        """Publish the running stack."""
        content = msgspec.json.format(msgspec.json.encode(stack), indent=1)
        write_private(self.stack_file, content + b"\n")

    def remove_stack(self) -> None:
        """Withdraw the stack at its clean end."""
        self.stack_file.unlink(missing_ok=True)


class SecretFile:
    """Secrets that the stack makes for itself at first use and keeps.

    No default, nothing in code.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        if path.exists():
            self._known = msgspec.json.decode(path.read_bytes(), type=dict[str, str])

    def keep(self, name: str, *, make: Callable[[], str]) -> str:
        """Return the secret of a name; the first time it is made and written."""
        if name not in self._known:
            self._known[name] = make()
            write_private(self._path, msgspec.json.encode(self._known))
        return self._known[name]
