"""Monthly figures of quotas with disclosure control: nobody's money can be read off them.

Every count of persons and decisions is rounded. What decisions hold is rounded too, and is not told
of few persons. What is allocated is public as it is. What is summed up is summed up before it is
rounded. The areas' own view is exact: their balances.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from kuntavayla.values.statistics import Disclosure, rounded
from quota_ledger.rules.balances import NOTHING, Balance, Sums

AMOUNTS_ROUNDED_TO_CENTS = 100_000
"""What amounts that decisions hold are rounded to. Source: sources.md#quota-figures."""
_WHOLE_PER_CENT = 100


class Place(Struct, frozen=True, order=True):
    """What figures are of; an empty area stands for all areas."""

    area_code: str
    instrument: str
    budget_year: int


class Decided(Struct, frozen=True, kw_only=True):
    """How many decisions of a month came to an outcome, with the code of the first reason."""

    place: Place
    outcome: str
    reason_code: str | None
    count: int


class Refusals(Struct, frozen=True):
    """How many decisions were refused for a reason."""

    code: str
    count: int


class Cell(Struct, frozen=True, kw_only=True):
    """What may be told of a place; null where it is of too few persons."""

    place: Place
    allocated_cents: int
    allocated_persons: int
    overridden_cents: int | None
    reserved_cents: int | None
    reserved_persons: int
    committed_cents: int | None
    committed_persons: int
    paid_cents: int | None
    paid_excess_cents: int | None
    free_cents: int | None
    free_persons: int
    use_percent: int | None
    decisions_reserved: int
    decisions_refused: int
    decisions_not_competent: int
    refusals: Sequence[Refusals]


def cells_of(
    balances: Iterable[Balance], decided: Sequence[Decided], *, disclosure: Disclosure
) -> list[Cell]:
    """Return the figures of every place, behind those of all areas together."""
    sums: dict[Place, Sums] = {}
    for balance in balances:
        key = balance.key
        for area_code in ("", key.area_code):
            place = Place(area_code, key.instrument, key.budget_year)
            sums[place] = sums.get(place, NOTHING).plus(balance.sums)
    counts: dict[Place, Counter[tuple[str, str | None]]] = {}
    for one in decided:
        for area_code in ("", one.place.area_code):
            place = Place(area_code, one.place.instrument, one.place.budget_year)
            counts.setdefault(place, Counter())[one.outcome, one.reason_code] += one.count
    return [
        _cell(place, sums.get(place, NOTHING), counts.get(place, Counter()), disclosure=disclosure)
        for place in sorted({*sums, *counts})
    ]


def _cell(
    place: Place, sums: Sums, counts: Counter[tuple[str, str | None]], *, disclosure: Disclosure
) -> Cell:
    """Round what is told, and leave out what decisions of few persons hold.

    Source: sources.md#quota-figures.
    """
    to = disclosure.rounded_to
    reserved = rounded(sums.reserved_persons, to=to)
    committed = rounded(sums.committed_persons, to=to)
    is_enough = rounded(sums.bound_persons, to=to) >= disclosure.rate_of_min
    outcomes = {
        outcome: rounded(sum(n for (of, _), n in counts.items() if of == outcome), to=to)
        for outcome in ("reserved", "refused", "not_competent")
    }
    return Cell(
        place=place,
        allocated_cents=sums.allocated_cents,
        allocated_persons=sums.allocated_persons,
        overridden_cents=_told(sums.overridden_cents, is_enough=is_enough),
        reserved_cents=_told(sums.reserved_cents, is_enough=is_enough),
        reserved_persons=reserved,
        committed_cents=_told(sums.committed_cents, is_enough=is_enough),
        committed_persons=committed,
        paid_cents=_told(sums.paid_cents, is_enough=is_enough),
        paid_excess_cents=_told(sums.paid_excess_cents, is_enough=is_enough),
        free_cents=_told(sums.free_cents, is_enough=is_enough),
        free_persons=sums.allocated_persons - reserved - committed,
        use_percent=_use(sums) if is_enough else None,
        decisions_reserved=outcomes["reserved"],
        decisions_refused=outcomes["refused"],
        decisions_not_competent=outcomes["not_competent"],
        refusals=_refusals(counts, to=to),
    )


def _told(cents: int, *, is_enough: bool) -> int | None:
    """Return an amount as it is told, half up. Source: sources.md#quota-figures."""
    return rounded(cents, to=AMOUNTS_ROUNDED_TO_CENTS) if is_enough else None


def _use(sums: Sums) -> int | None:
    """Return how much is used, in whole per cent of what may be spent."""
    return _WHOLE_PER_CENT * sums.used_cents // sums.limit_cents if sums.limit_cents else None


def _refusals(counts: Counter[tuple[str, str | None]], *, to: int) -> list[Refusals]:
    """Return why decisions came to nothing, the codes in order; what rounds to none is left out."""
    by_code: Counter[str] = Counter()
    for (outcome, code), count in counts.items():
        if outcome != "reserved" and code is not None:
            by_code[code] += count
    told = [Refusals(code, rounded(count, to=to)) for code, count in sorted(by_code.items())]
    return [one for one in told if one.count]
