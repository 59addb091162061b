"""Who is competent for which task, by date: a table of the law (domain.md, section 3)."""

import csv
from datetime import date
from importlib.resources.abc import Traversable

from msgspec import Struct

from kuntavayla.values.periods import Period


class CompetenceFault(ValueError):
    """The competence table has a gap, an overlap, or a row without a source."""


class Competence(Struct, frozen=True):
    """One task is one authority's for a period, by a source."""

    task: str
    authority: str
    period: Period
    source: str
    sureness: str


class Competences:
    """The table, checked at loading: one authority per task and day, without gaps."""

    def __init__(self, rows: tuple[Competence, ...]) -> None:
        self._rows = tuple(sorted(rows, key=lambda row: (row.task, row.period.starts_on)))
        for before, after in zip(self._rows, self._rows[1:], strict=False):
            if before.task == after.task and before.period.ends_on != _eve_of(after):
                raise CompetenceFault(before.task)

    def on(self, day: date, *, task: str | None = None) -> tuple[Competence, ...]:
        """Return the rows that hold on a day, of one task or of all."""
        return tuple(
            row for row in self._rows if row.period.contains(day) and task in (None, row.task)
        )


def _eve_of(row: Competence) -> date:
    return date.fromordinal(row.period.starts_on.toordinal() - 1)


def load_competences(source: Traversable) -> Competences:
    """Read the table; raises CompetenceFault or ValueError for a row that is not in order."""
    lines = [line for line in source.read_text("utf-8").splitlines() if not line.startswith("#")]
    return Competences(tuple(_row(fields) for fields in csv.DictReader(lines)))


def _row(fields: dict[str, str]) -> Competence:
    if not fields["source"]:
        raise CompetenceFault(fields["task"])
    ends_on = date.fromisoformat(fields["valid_to"]) if fields["valid_to"] else None
    return Competence(
        fields["task"],
        fields["authority"],
        Period(date.fromisoformat(fields["valid_from"]), ends_on),
        fields["source"],
        fields["sureness"],
    )
