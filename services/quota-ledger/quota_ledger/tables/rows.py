"""What the tables share: their base, with its own metadata and names of constraints."""

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from kuntavayla.database.constraints import NAMES


class Row(SQLModel):
    """The base of this service's tables."""

    metadata: ClassVar[sa.MetaData] = sa.MetaData(naming_convention=NAMES)


def amount(**options: Any) -> Any:  # noqa: ANN401 - a field stands for its value
    """Return the field of an amount in cents, or of a number that goes on counting for ever."""
    return Field(sa_type=sa.BigInteger, **options)


def document(**options: Any) -> Any:  # noqa: ANN401 - a field stands for its value
    """Return the field of a document that is stored as it was checked."""
    return Field(sa_type=JSONB(none_as_null=True), **options)


def text_of_json(**options: Any) -> Any:  # noqa: ANN401 - a field stands for its value
    """Return the field of a text of JSON that is written for each decision and seldom looked into.

    Kept as it was written: PostgreSQL takes it in at a third of the cost.
    """
    return Field(sa_type=sa.JSON(none_as_null=True), **options)


def index(name: str, *columns: str, where: str) -> sa.Index:
    """Return an index of the rows of which something holds."""
    return sa.Index(name, *columns, postgresql_where=sa.text(where))
