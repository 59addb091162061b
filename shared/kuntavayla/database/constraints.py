"""What several services and shared tables declare alike: names of constraints, columns, lists."""

from typing import Any, get_args

import sqlalchemy as sa
from sqlmodel import Field

NAMES = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}
"""How constraints and indexes are named."""


def instant(**options: object) -> object:
    """Return the field of an instant with its zone."""
    return Field(sa_type=sa.DateTime(timezone=True), **options)  # type: ignore[call-overload]


def one_of(column: str, listed: Any) -> sa.CheckConstraint:  # noqa: ANN401 - a Literal is no type
    """Return the constraint that a column holds one of a Literal's texts, or nothing.

    So the list stands once, in the code that reads and writes it.
    """
    texts = get_args(listed)
    assert all(isinstance(text, str) and "'" not in text for text in texts), "texts of ours"
    values = ", ".join(f"'{text}'" for text in texts)
    return sa.CheckConstraint(f"{column} IN ({values})", name=f"known_{column}")
