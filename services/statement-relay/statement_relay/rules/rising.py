"""Ids of one moment in the order in which they are drawn: lists go by them."""

from uuid import UUID

from kuntavayla.events import NewId

_STEP_BITS = 32
_ROOM_BITS = 61
"""A first id leaves the topmost bit behind its variant free: no batch's steps ever fill that."""


def rising(draw: NewId) -> NewId:
    """Return a source of ids as random as the drawn ones, each greater than the one before.

    All have the time of the first. The first keeps 61 random bits, each further one goes up by 32.
    Source: RFC 9562, section 6.2, method 2 (sources.md#constants-of-statement-relay).
    """
    last: int | None = None

    def new_id() -> str:
        nonlocal last
        drawn = UUID(draw()).int
        last = (
            drawn & ~(1 << _ROOM_BITS)
            if last is None
            else last + 1 + (drawn & ((1 << _STEP_BITS) - 1))
        )
        return str(UUID(int=last))

    return new_id
