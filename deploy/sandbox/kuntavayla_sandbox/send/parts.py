"""How a file is cut into calls.

At line ends, within the bounds of a bulk call, always the same way.
"""

import hashlib
from pathlib import Path

from msgspec import Struct

LINES_MAX = 10_000
BYTES_MAX = 16 * 1024 * 1024
"""The bounds of a bulk call, inflated: contracts.md, "Rules for every call"."""


class Part(Struct, frozen=True):
    """One call's share of the file: `first_line` counts from 1, `offset` and `size` are bytes."""

    number: int
    first_line: int
    lines: int
    offset: int
    size: int

    def read(self, path: Path) -> bytes:
        """Return the part's bytes."""
        with path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


class FilePlan(Struct, frozen=True):
    """The file as it will be sent: its digest, its lines, its parts."""

    path: Path
    digest: str
    lines: int
    parts: tuple[Part, ...]


def plan_parts(path: Path, *, lines_max: int = LINES_MAX) -> FilePlan:
    """Read the file once and return how it is sent.

    A single line above the bound makes a part of its own, which the service refuses by name.
    """
    digest = hashlib.sha256()
    parts: list[Part] = []
    first_line, offset, lines, size = 1, 0, 0, 0
    with path.open("rb") as file:
        for line in file:
            digest.update(line)
            if lines == lines_max or (lines and size + len(line) > BYTES_MAX):
                parts.append(Part(len(parts), first_line, lines, offset, size))
                first_line, offset, lines, size = first_line + lines, offset + size, 0, 0
            lines += 1
            size += len(line)
    if lines:
        parts.append(Part(len(parts), first_line, lines, offset, size))
    return FilePlan(path, digest.hexdigest(), first_line + lines - 1, tuple(parts))
