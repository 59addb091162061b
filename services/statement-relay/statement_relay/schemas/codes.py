"""Catalogues of codes."""

from collections.abc import Sequence

from msgspec import Struct

from statement_relay.rules.catalogues import CodeEntry


class CodeList(Struct, frozen=True):
    """A catalogue, with names in Finnish, Swedish and English."""

    items: Sequence[CodeEntry]
