"""Connections that learn PostgreSQL's own types once in a process, not each anew."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
from msgspec import Struct

OWN_OIDS_MAX = 9_999
"""Types up to here have the same number in every database of every version."""


class _Unasked(Struct, frozen=True):
    """In place of the statement that a server would have been asked by."""

    name: str = "unasked"


_known: dict[frozenset[int], Sequence[asyncpg.Record]] = {}


class KnowingConnection(asyncpg.Connection):
    """A connection whose process remembers what a server said of its own types.

    asyncpg asks on each connection, for such as `uuid[]`, by a query that takes PostgreSQL 10 ms
    the first time and 5 ms for each further type. Types that a database made itself are asked for
    on each connection, as before.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> Any:  # noqa: ANN401, ASYNC109 - asyncpg's own
        oids = frozenset(typeoids)
        if oids in _known:
            return _known[oids], _Unasked()
        types, statement = await super()._introspect_types(oids, timeout)  # type: ignore[misc]
        if all(one["oid"] <= OWN_OIDS_MAX for one in types):
            _known[oids] = types
        return types, statement
