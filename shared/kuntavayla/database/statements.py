"""Many records into one table or one statement: columns named once, with their attributes.

Names of tables and columns are constants of ours. Rows that are only added travel by COPY:
measured, asyncpg spends half of the time of an INSERT from arrays on looking at each element.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter

from kuntavayla.database.connections import Connection


class Columns:
    """Columns of records, each with its type and the attribute of the record that fills it.

    `specs` maps a column to its type, or to `type:attribute.path` where the record names it
    otherwise. At least two.
    """

    def __init__(self, specs: Mapping[str, str]) -> None:
        self.names = tuple(specs)
        self.listed = ", ".join(specs)
        self.arrays = ", ".join(
            f"${number}::{spec.partition(':')[0]}[]"
            for number, spec in enumerate(specs.values(), 1)
        )
        self._width = len(specs)
        self._attributes = attrgetter(
            *(spec.partition(":")[2] or name for name, spec in specs.items())
        )

    def arguments(self, records: Sequence[object]) -> list[Sequence[object]]:
        """Return one array per column, for a statement over `arrays`."""
        if not records:
            return [()] * self._width
        return list(zip(*map(self._attributes, records), strict=True))

    async def append(self, connection: Connection, table: str, records: Sequence[object]) -> None:
        """Add the records to a table inside the caller's transaction; nothing is sent for none."""
        if records:
            await connection.copy_records_to_table(
                table, records=map(self._attributes, records), columns=self.names
            )
