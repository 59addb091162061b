"""What the tables share: their base, with its own metadata and names of constraints."""

from typing import ClassVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from kuntavayla.database.constraints import NAMES


class Row(SQLModel):
    """The base of this service's tables."""

    metadata: ClassVar[sa.MetaData] = sa.MetaData(naming_convention=NAMES)


def number(**options: object) -> object:
    """Return the field of a number that goes on counting for ever."""
    return Field(sa_type=sa.BigInteger, **options)  # type: ignore[call-overload]


def index(name: str, *columns: str, where: str) -> sa.Index:
    """Return an index of the rows of which something holds."""
    return sa.Index(name, *columns, postgresql_where=sa.text(where))
