"""Bounds and annotated texts that several wire types share."""

from typing import Annotated

from msgspec import Meta

CALL_ITEMS_MAX = 1_000
Id = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        title="id",
        description="Give an id as Kuntaväylä gave it: a UUID in small letters.",
    ),
]
Reason = Annotated[
    str,
    Meta(min_length=1, max_length=1000, title="reason", description="Give 1 to 1,000 characters."),
]
