"""Many records as one argument of a statement, and rows of several tables added at once.

Names of tables and columns are constants of ours. Few records travel as one JSON text: measured, it
costs this process a third of an array per column, where asyncpg looks at each element, and one
statement of it takes one round trip for all tables. Many rows travel by COPY, which costs the
server less.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter

import msgspec

from kuntavayla.database.connections import Connection

TOGETHER_MAX = 1_000
"""Rows, of all tables, that one statement adds; measured, beyond it COPY costs less in all."""
# JSON has no bytes and keeps a text as text: how such columns travel, and how they are read.
_AS_TEXT = {"bytea": "decode(r.{}, 'base64')", "json": "r.{}::json"}
_encode = msgspec.json.Encoder().encode


class Columns:
    """Columns of records, each with its type and the attribute of the record that fills it.

    `specs` maps a column to its type, or to `type:attribute.path` where the record names it
    otherwise. At least two. A json column is filled with a text.
    """

    def __init__(self, specs: Mapping[str, str]) -> None:
        self.types = types = {name: spec.partition(":")[0] for name, spec in specs.items()}
        paths = {name: spec.partition(":")[2] or name for name, spec in specs.items()}
        self.names = tuple(specs)
        self.listed = ", ".join(specs)
        self.read = ", ".join(
            _AS_TEXT.get(kind, "r.{}").format(name) for name, kind in types.items()
        )
        self._described = ", ".join(
            f"{name} {'text' if kind in _AS_TEXT else kind}" for name, kind in types.items()
        )
        self._is_plain = all(name == path for name, path in paths.items())
        self._attributes = attrgetter(*paths.values())
        # What is None is left out, and read as NULL.
        self._row = msgspec.defstruct(
            "Row", [(name, object, None) for name in specs], frozen=True, omit_defaults=True
        )

    def recordset(self, number: int = 1) -> str:
        """Return the FROM item, named r, of the records in the argument of that number."""
        return f"json_to_recordset(${number}::json) AS r ({self._described})"

    def argument(self, records: Sequence[object]) -> str:
        """Return the records as the argument that `recordset` reads, in their order."""
        if self._is_plain:
            return _encode(records).decode()
        row, attributes = self._row, self._attributes
        return _encode([row(*attributes(record)) for record in records]).decode()

    async def append(self, connection: Connection, table: str, records: Sequence[object]) -> None:
        """Add many records to a table inside the caller's transaction; nothing is sent for none."""
        if records:
            await connection.copy_records_to_table(
                table, records=map(self._attributes, records), columns=self.names
            )


class Appending:
    """Adds records to several tables, the rows of each in the order given.

    Few are added by one statement, and constraints between the tables are judged at its end; many
    table by table in the order of `tables`.
    """

    def __init__(self, tables: Mapping[str, Columns]) -> None:
        self._tables = tables
        *others, last = (
            f"INSERT INTO {table} ({columns.listed})"  # noqa: S608 - constants of ours
            f" SELECT {columns.read} FROM {columns.recordset(number)}"
            for number, (table, columns) in enumerate(tables.items(), 1)
        )
        ahead = ", ".join(
            f"{table} AS ({insert})" for table, insert in zip(tables, others, strict=False)
        )
        self.statement = f"WITH {ahead} {last}" if ahead else last

    async def run(self, connection: Connection, records: Mapping[str, Sequence[object]]) -> None:
        """Add the records, by table, inside the caller's transaction."""
        if sum(map(len, records.values())) > TOGETHER_MAX:
            for table, columns in self._tables.items():
                await columns.append(connection, table, records[table])
            return
        await connection.execute(
            self.statement,
            *(columns.argument(records[table]) for table, columns in self._tables.items()),
        )
