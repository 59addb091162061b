"""Lists of codes on the wire."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla.service.operations.codes import PlainCode


class PlainCodeList(Struct, frozen=True):
    """A list of codes, with texts in Finnish, Swedish and English."""

    items: Sequence[PlainCode]
