"""Constraints that several services and shared tables declare alike."""

from typing import Any, get_args

import sqlalchemy as sa


def one_of(column: str, listed: Any) -> sa.CheckConstraint:  # noqa: ANN401 - a Literal is no type
    """Return the constraint that a column holds one of a Literal's texts, or nothing.

    So the list stands once, in the code that reads and writes it.
    """
    texts = get_args(listed)
    assert all(isinstance(text, str) and "'" not in text for text in texts), "texts of ours"
    values = ", ".join(f"'{text}'" for text in texts)
    return sa.CheckConstraint(f"{column} IN ({values})", name=f"known_{column}")
