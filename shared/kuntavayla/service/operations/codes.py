"""Closed lists of codes explained: each code of a list with its text in three languages."""

from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable

import msgspec
from msgspec import Struct

from kuntavayla.values.texts import Texts


class PlainCode(Struct, frozen=True, kw_only=True):
    """A code in three languages."""

    code: str
    text: Texts


class CodeFileFault(Exception):
    """The file of codes is not in order."""


def load_codes(
    source: Traversable, *, lists: Mapping[str, Sequence[str]]
) -> dict[str, list[PlainCode]]:
    """Read the texts of closed lists, by the list's name, in the order of the lists.

    Raises CodeFileFault where a list is missing or is none of `lists`, or where its codes are more
    or fewer than the list has.
    """
    try:
        told = msgspec.toml.decode(source.read_bytes(), type=dict[str, dict[str, Texts]])
    except msgspec.MsgspecError as error:
        raise CodeFileFault(str(error)) from error
    if told.keys() != lists.keys():
        raise CodeFileFault(f"Other lists: {', '.join(sorted(told.keys() ^ lists.keys()))}.")
    for name, codes in lists.items():
        different = told[name].keys() ^ set(codes)
        if different:
            raise CodeFileFault(f"Other codes of {name}: {', '.join(sorted(different))}.")
    return {
        name: [PlainCode(code=code, text=told[name][code]) for code in codes]
        for name, codes in lists.items()
    }
