"""The catalogue of problems: every public code with its title and what helps, in three languages.

It is read from one file of the library; docs/problems has a page for each code.
"""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import msgspec
from msgspec import Struct

from kuntavayla.values.texts import Texts

Retry = Literal["never", "changed", "later"]
ProblemMender = Literal[
    "caller", "official", "case_system", "te_office", "issuer", "operator", "nobody"
]


class ProblemEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A problem: whether the call helps again, who mends it, and what to do.

    `retry`: never; changed, after what the advice says; later, the same call, after `Retry-After`
    where it is given.
    """

    code: str
    status: int
    retry: Retry
    mends: ProblemMender
    title: Texts
    advice: Texts


class ProblemFileFault(Exception):
    """The file of problems is not in order."""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    problem: tuple[ProblemEntry, ...]


def load_problems(source: Traversable) -> tuple[ProblemEntry, ...]:
    """Read a file of problems, sorted by code; raises ProblemFileFault where it is not in order."""
    try:
        entries = msgspec.toml.decode(source.read_bytes(), type=_File).problem
    except msgspec.MsgspecError as error:
        raise ProblemFileFault(str(error)) from error
    codes = [entry.code for entry in entries]
    if codes != sorted(set(codes)):
        raise ProblemFileFault("Each code stands once, in the order of the codes.")
    return entries


@cache
def problems_of_release() -> tuple[ProblemEntry, ...]:
    """Return every problem of this release, read once in a process."""
    return load_problems(files("kuntavayla") / "data" / "problems.toml")
