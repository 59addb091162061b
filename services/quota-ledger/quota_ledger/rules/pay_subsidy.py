"""The table of pay subsidy: which share, cap and working time hold for whom, by the day."""

from datetime import date, timedelta
from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Literal, get_args

from msgspec import Struct, structs

from kuntavayla.values.tables import TableFault, read_rows, refuse_overlaps
from quota_ledger.rules.dated import (
    DatedRow,
    dated_row,
    number_of,
    refuse_ids_twice,
    refuse_incomplete,
    row_known,
)
from quota_ledger.rules.facts import EmployerKind, PaySubsidyFacts

Need = Literal["", "reduced_work_capacity", "turned_55"]
What = Literal["rate", "cap", "working_time_max"]
_TERMS_KEPT_MAX = 4_096
_DAY = timedelta(days=1)
_TABLE = "pay_subsidy.csv"
_COLUMNS = (
    "id",
    "what",
    "employer_kind",
    "unemployed_of_14_min",
    "unemployed_of_28_min",
    "needs",
    "month_from",
    "month_to",
    "value",
    "unit",
    "valid_from",
    "valid_to",
    "known_from",
    "source",
    "sureness",
)


class Judged(Struct, frozen=True):
    """The facts of a client that rows turn on."""

    unemployed_of_14: int
    unemployed_of_28: int
    has_reduced_work_capacity: bool
    has_turned_55: bool


class Condition(Struct, frozen=True, kw_only=True):
    """For whom a row holds; what is empty or zero holds for all."""

    employer_kind: str
    unemployed_of_14_min: int
    unemployed_of_28_min: int
    needs: str

    def holds(self, facts: Judged, *, kind: EmployerKind) -> bool:
        """Say whether the condition holds for a client and an employer."""
        return (
            self.employer_kind in ("", kind)
            and self.unemployed_of_14_min <= facts.unemployed_of_14
            and self.unemployed_of_28_min <= facts.unemployed_of_28
            and (self.needs != "reduced_work_capacity" or facts.has_reduced_work_capacity)
            and (self.needs != "turned_55" or facts.has_turned_55)
        )


EVERYBODY = Condition(employer_kind="", unemployed_of_14_min=0, unemployed_of_28_min=0, needs="")


class PaySubsidyRow(DatedRow, frozen=True, kw_only=True):
    """A row of the table; a rate holds from a month of the period to another."""

    condition: Condition
    month_from: int
    month_to: int


class Terms(Struct, frozen=True, kw_only=True):
    """What holds for one client and employer: rates month by month, cap, working time."""

    rates: tuple[PaySubsidyRow, ...]
    cap: PaySubsidyRow
    working_time_max: PaySubsidyRow | None

    @property
    def months_max(self) -> int:
        """The longest period, in months."""
        return self.rates[-1].month_to


class PaySubsidyTable:
    """The table, checked at loading: everybody has a rate and a cap on each day from the first."""

    def __init__(self, rows: tuple[PaySubsidyRow, ...]) -> None:
        self.rows = rows
        refuse_ids_twice(rows, table=_TABLE)
        self._by_what = {what: [row for row in rows if row.what == what] for what in get_args(What)}
        self._of_everybody = self._checked("rate")
        self._checked("cap")
        self._refuse_two_of_a_kind()
        self._refuse_broken_ladders()
        self._terms_kept = lru_cache(maxsize=_TERMS_KEPT_MAX)(self._terms_on)

    def terms(
        self, facts: PaySubsidyFacts, *, kind: EmployerKind, starts_on: date, decided_on: date
    ) -> Terms:
        """Return what holds, by the law of the period's first day as known on the day decided.

        Source: sources.md#pay-subsidy.
        """
        everybody = row_known(self._of_everybody, on=starts_on, decided_on=decided_on)
        return self._terms_kept(_judged(facts), kind, min(starts_on, everybody.period.last_day))

    def _terms_on(self, facts: Judged, kind: EmployerKind, day: date) -> Terms:
        rate = self._first("rate", facts, kind=kind, on=day)
        cap = self._first("cap", facts, kind=kind, on=day)
        assert rate is not None, "everybody has a rate"
        assert cap is not None, "everybody has a cap"
        return Terms(
            rates=self._ladder(rate, on=day),
            cap=cap,
            working_time_max=self._first("working_time_max", facts, kind=kind, on=day),
        )

    def _first(
        self, what: What, facts: Judged, *, kind: EmployerKind, on: date
    ) -> PaySubsidyRow | None:
        for row in self._by_what[what]:
            if row.period.contains(on) and row.condition.holds(facts, kind=kind):
                return row
        return None

    def _ladder(self, first: PaySubsidyRow, *, on: date) -> tuple[PaySubsidyRow, ...]:
        return tuple(
            row
            for row in self._by_what["rate"]
            if row.condition == first.condition and row.period.contains(on)
        )

    def _checked(self, what: What) -> list[PaySubsidyRow]:
        rows = [
            row
            for row in self._by_what[what]
            if row.condition == EVERYBODY and row.month_from in (0, 1)
        ]
        refuse_incomplete(rows, table=_TABLE, of=f"{what} for everybody")
        return sorted(rows, key=lambda row: row.period.starts_on)

    def _refuse_two_of_a_kind(self) -> None:
        alike: dict[tuple[object, ...], list[PaySubsidyRow]] = {}
        for row in self.rows:
            key = (row.what, structs.astuple(row.condition), row.month_from)
            alike.setdefault(key, []).append(row)
        for rows in alike.values():
            periods = [row.period for row in rows]
            refuse_overlaps(periods, table=_TABLE, of=rows[0].row_id)
            self._refuse_lonely_ends(rows)

    def _refuse_lonely_ends(self, alike: list[PaySubsidyRow]) -> None:
        """Raise TableFault where a row begins or ends on a day on which nothing else does.

        Such a day is a gap: on it, who the row is for would get what everybody gets.
        """
        begins = {row.period.starts_on for row in self._of_everybody}
        ends = {row.period.ends_on for row in self._of_everybody}
        own_begins = {row.period.starts_on for row in alike}
        own_ends = {row.period.ends_on for row in alike}
        for row in alike:
            starts_on, ends_on = row.period.starts_on, row.period.ends_on
            if starts_on not in begins and starts_on - _DAY not in own_ends:
                raise TableFault(_TABLE, f"A gap stands before {row.row_id}.")
            if ends_on not in ends and (ends_on is None or ends_on + _DAY not in own_begins):
                raise TableFault(_TABLE, f"A gap stands behind {row.row_id}.")

    def _refuse_broken_ladders(self) -> None:
        for row in self._by_what["rate"]:
            ladder = self._ladder(row, on=row.period.starts_on)
            ends = [0, *(step.month_to for step in ladder)]
            starts = [step.month_from - 1 for step in ladder]
            if starts != ends[:-1] or any(step.month_to < step.month_from for step in ladder):
                reason = f"The months of {row.row_id} do not follow each other."
                raise TableFault(_TABLE, reason)


def load_pay_subsidy(source: Traversable) -> PaySubsidyTable:
    """Read the table; raises TableFault where it is not in order."""
    return PaySubsidyTable(tuple(_row(cells) for cells in read_rows(source, columns=_COLUMNS)))


def _row(cells: dict[str, str]) -> PaySubsidyRow:
    if cells["what"] not in get_args(What):
        raise TableFault(_TABLE, f"{cells['what']!r} is neither rate, cap nor working time.")
    if cells["employer_kind"] not in ("", *get_args(EmployerKind)):
        raise TableFault(_TABLE, f"{cells['employer_kind']!r} is no kind of employer.")
    if cells["needs"] not in get_args(Need):
        raise TableFault(_TABLE, f"{cells['needs']!r} is nothing that a row may need.")
    return PaySubsidyRow(
        **structs.asdict(dated_row(cells, table=_TABLE)),
        condition=Condition(
            employer_kind=cells["employer_kind"],
            unemployed_of_14_min=_or_zero(cells["unemployed_of_14_min"]),
            unemployed_of_28_min=_or_zero(cells["unemployed_of_28_min"]),
            needs=cells["needs"],
        ),
        month_from=_or_zero(cells["month_from"]),
        month_to=_or_zero(cells["month_to"]),
    )


def _judged(facts: PaySubsidyFacts) -> Judged:
    return Judged(
        facts.unemployed_months_in_last_14,
        facts.unemployed_months_in_last_28,
        facts.has_reduced_work_capacity,
        facts.has_turned_55,
    )


def _or_zero(text: str) -> int:
    return number_of(text or "0", table=_TABLE)
