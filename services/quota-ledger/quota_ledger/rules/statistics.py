"""Monthly figures of quotas with disclosure control: nobody's money can be read off them.

Every count of persons and decisions is rounded. What decisions hold is rounded too, and is not told
of few persons, nor of areas from which, with the sum of all, that of few persons could be reckoned.
What is allocated is public as it is. What is summed up is summed up before it is rounded. The
areas' own view is exact: their balances.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct

from kuntavayla.values.statistics import Disclosure, rounded
from quota_ledger.rules.balances import NOTHING, Balance, Sums

AMOUNTS_ROUNDED_TO_CENTS = 100_000
"""What amounts that decisions hold are rounded to. Source: sources.md#quota-figures."""
HIDDEN_TOGETHER_MIN = 2
"""Areas with amounts that are hidden beside a sum that is told. Source: sources.md#quota-figures.
"""
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
    held = {place: sums.get(place, NOTHING) for place in sorted({*sums, *counts})}
    hidden = hidden_places(held, disclosure=disclosure)
    to = disclosure.rounded_to
    return [
        _cell(place, one, counts.get(place, Counter()), hidden=hidden, to=to)
        for place, one in held.items()
    ]


def hidden_places(sums: Mapping[Place, Sums], *, disclosure: Disclosure) -> set[Place]:
    """Return the places of which no amount is told.

    These are those of few persons; and, beside a sum that is told, further areas, those of the
    fewest persons first, until what can be reckoned from it is of two areas and enough persons.
    Source: sources.md#quota-figures.
    """
    hidden = {place for place, one in sums.items() if not _is_enough(one, disclosure=disclosure)}
    told: dict[tuple[str, int], list[Place]] = {}
    for place in sums.keys() - hidden:
        if place.area_code:
            told.setdefault((place.instrument, place.budget_year), []).append(place)
    for (instrument, budget_year), areas in told.items():
        left = sorted(areas, key=lambda one: (sums[one].bound_persons, one))
        behind = [
            one
            for place, one in sums.items()
            if place in hidden
            and (place.instrument, place.budget_year) == (instrument, budget_year)
            and _holds_amounts(one)
        ]
        while behind and left and _is_too_few(behind, disclosure=disclosure):
            place = left.pop(0)
            hidden.add(place)
            behind.append(sums[place])
    return hidden


def _is_enough(sums: Sums, *, disclosure: Disclosure) -> bool:
    return rounded(sums.bound_persons, to=disclosure.rounded_to) >= disclosure.rate_of_min


def _is_too_few(behind: Sequence[Sums], *, disclosure: Disclosure) -> bool:
    """Say whether hidden areas, added up, would tell of few persons, or of a single area."""
    together = NOTHING
    for one in behind:
        together = together.plus(one)
    return len(behind) < HIDDEN_TOGETHER_MIN or not _is_enough(together, disclosure=disclosure)


def _holds_amounts(sums: Sums) -> bool:
    amounts = (sums.overridden_cents, sums.bound_cents, sums.paid_cents, sums.paid_excess_cents)
    return any(amounts)


def _cell(
    place: Place,
    sums: Sums,
    counts: Counter[tuple[str, str | None]],
    *,
    hidden: Container[Place],
    to: int,
) -> Cell:
    """Round what is told, and leave out the amounts of places that are hidden.

    Source: sources.md#quota-figures.
    """
    reserved = rounded(sums.reserved_persons, to=to)
    committed = rounded(sums.committed_persons, to=to)
    is_told = place not in hidden
    outcomes = {
        outcome: rounded(sum(n for (of, _), n in counts.items() if of == outcome), to=to)
        for outcome in ("reserved", "refused", "not_competent")
    }
    return Cell(
        place=place,
        allocated_cents=sums.allocated_cents,
        allocated_persons=sums.allocated_persons,
        overridden_cents=_told(sums.overridden_cents, is_told=is_told),
        reserved_cents=_told(sums.reserved_cents, is_told=is_told),
        reserved_persons=reserved,
        committed_cents=_told(sums.committed_cents, is_told=is_told),
        committed_persons=committed,
        paid_cents=_told(sums.paid_cents, is_told=is_told),
        paid_excess_cents=_told(sums.paid_excess_cents, is_told=is_told),
        free_cents=_told(sums.free_cents, is_told=is_told),
        free_persons=sums.allocated_persons - reserved - committed,
        use_percent=_use(sums) if is_told else None,
        decisions_reserved=outcomes["reserved"],
        decisions_refused=outcomes["refused"],
        decisions_not_competent=outcomes["not_competent"],
        refusals=_refusals(counts, to=to),
    )


def _told(cents: int, *, is_told: bool) -> int | None:
    """Return an amount as it is told, half up. Source: sources.md#quota-figures."""
    return rounded(cents, to=AMOUNTS_ROUNDED_TO_CENTS) if is_told else None


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
