"""What the tables share: their base, with its own metadata and names of constraints."""

from typing import ClassVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

NAMES = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}


class Row(SQLModel):
    """The base of this service's tables."""

    metadata: ClassVar[sa.MetaData] = sa.MetaData(naming_convention=NAMES)


def instant(**options: object) -> object:
    """Return the field of an instant with its zone."""
    return Field(sa_type=sa.DateTime(timezone=True), **options)  # type: ignore[call-overload]


def number(**options: object) -> object:
    """Return the field of a number that goes on counting for ever."""
    return Field(sa_type=sa.BigInteger, **options)  # type: ignore[call-overload]


def index(name: str, *columns: str, where: str) -> sa.Index:
    """Return an index of the rows of which something holds."""
    return sa.Index(name, *columns, postgresql_where=sa.text(where))
