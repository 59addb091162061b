"""Set-based statements made from a list of columns, once, at import: many rows in, one statement.

Names of tables and columns are constants of ours; values travel as arrays only.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter


class Columns:
    """Columns of a statement, each with its type and the attribute of the record that fills it.

    `specs` maps a column to its type, or to `type:attribute.path` where the record names it otherwise. At least two.
    """

    def __init__(self, specs: Mapping[str, str]) -> None:
        self.names = ", ".join(specs)
        self.arrays = ", ".join(
            f"${number}::{spec.partition(':')[0]}[]"
            for number, spec in enumerate(specs.values(), 1)
        )
        self._width = len(specs)
        self._attributes = attrgetter(
            *(spec.partition(":")[2] or name for name, spec in specs.items())
        )

    def insert_into(self, table: str, *, ending: str = "") -> str:
        """Return the INSERT of any number of records."""
        return f"INSERT INTO {table} ({self.names}) SELECT * FROM unnest({self.arrays}) {ending}"  # noqa: S608

    def arguments(self, records: Sequence[object]) -> list[Sequence[object]]:
        """Return one array per column, in the statement's order."""
        if not records:
            return [()] * self._width
        return list(zip(*map(self._attributes, records), strict=True))
