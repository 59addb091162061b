"""Citizenship, mother tongue, service language and names of a person, drawn by municipality.

Finnish citizens speak Finnish, Swedish, a Sámi language or another mother tongue; foreign citizens
come from the table of origins. A few facts are unknown, each in every form that the wire allows.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from kuntavayla_sandbox.population.assumptions import load_assumptions
from kuntavayla_sandbox.population.kinds import PER_MILLE
from kuntavayla_sandbox.population.names import NamePool, names_of
from kuntavayla_sandbox.population.plan import Place, places
from kuntavayla_sandbox.population.statistics import read_rows

FINLAND = '["246"]'
UNKNOWN_CITIZENSHIPS = ('["999"]', '["zzz"]', '["000"]', "[]")
UNKNOWN_TONGUES = ("zz", "yy")
_SAMI = ("se", "smn", "sms")
_HUNDRED_THOUSAND = 100_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a person comes from, as texts of the wire."""

    citizenship: str
    tongue: str
    service_language: str
    has_interpreter: bool
    locale: str
    is_foreign_citizen: bool

    @property
    def names(self) -> NamePool:
        """The pool that the person's names come from."""
        return names_of(self.locale)


@dataclass(frozen=True, slots=True)
class _Row:
    code: str
    tongue: str
    locale: str


class Origins:
    """Draws origins; `random` is the generator's uniform draw."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        languages, rare = load_assumptions().languages, load_assumptions().rare
        self._in_english = languages.serves_in_english / PER_MILLE
        self._interpreter = languages.interpreter_needed / PER_MILLE
        self._dual = languages.dual_citizens_of_foreign_tongue / PER_MILLE
        self._citizenship_unknown = rare.citizenship_unknown / PER_MILLE
        self._tongue_unknown = rare.tongue_unknown / PER_MILLE
        self._unknown = self._citizenship_unknown + self._tongue_unknown

    def foreign(self) -> Origin:
        """Return a foreign citizen's origin."""
        row = self._row()
        return self._speaker(row, citizenship=f'["{row.code}"]', is_foreign_citizen=True)

    def finnish(self, place: int) -> Origin:
        """Return a Finnish citizen's origin, by the languages of the municipality."""
        draw = self._random()
        swedish, sami, other = _finnish_shares()[place]
        if draw >= other:
            return _FINNISH
        if draw < swedish:
            return _SWEDISH
        if draw < sami:
            return _SAMI_SPEAKERS[int(self._random() * len(_SAMI_SPEAKERS))]
        row = self._row()
        while row.tongue in {"fi", "sv"}:
            row = self._row()
        dual = f'["246","{row.code}"]' if self._random() < self._dual else FINLAND
        return self._speaker(row, citizenship=dual, is_foreign_citizen=False)

    def with_gaps(self, origin: Origin) -> Origin:
        """Return the origin, seldom with an unknown citizenship or mother tongue."""
        draw = self._random()
        if draw >= self._unknown:
            return origin
        citizenship, tongue = origin.citizenship, origin.tongue
        if draw < self._citizenship_unknown:
            citizenship = UNKNOWN_CITIZENSHIPS[int(self._random() * len(UNKNOWN_CITIZENSHIPS))]
        else:
            tongue = UNKNOWN_TONGUES[int(self._random() * len(UNKNOWN_TONGUES))]
        return Origin(
            citizenship=citizenship,
            tongue=tongue,
            service_language=origin.service_language,
            has_interpreter=origin.has_interpreter,
            locale=origin.locale,
            is_foreign_citizen=origin.is_foreign_citizen,
        )

    def _row(self) -> _Row:
        rows, running = _table()
        return rows[bisect_right(running, self._random() * running[-1])]

    def _speaker(self, row: _Row, *, citizenship: str, is_foreign_citizen: bool) -> Origin:
        own = row.tongue in {"fi", "sv"}
        has_interpreter = not own and self._random() < self._interpreter
        if own or has_interpreter:
            language = row.tongue
        else:
            language = "en" if self._random() < self._in_english else "fi"
        return Origin(
            citizenship=citizenship,
            tongue=row.tongue,
            service_language=language,
            has_interpreter=has_interpreter,
            locale=row.locale,
            is_foreign_citizen=is_foreign_citizen,
        )


def _citizen(tongue: str, *, service_language: str, locale: str) -> Origin:
    return Origin(
        citizenship=FINLAND,
        tongue=tongue,
        service_language=service_language,
        has_interpreter=False,
        locale=locale,
        is_foreign_citizen=False,
    )


_FINNISH = _citizen("fi", service_language="fi", locale="fi_FI")
_SWEDISH = _citizen("sv", service_language="sv", locale="sv_SE")
_SAMI_SPEAKERS = tuple(
    _citizen(tongue, service_language=tongue, locale="fi_FI") for tongue in _SAMI
)


@cache
def _table() -> tuple[tuple[_Row, ...], tuple[int, ...]]:
    """Return the origins and their running weights."""
    rows = list(read_rows("origins"))
    return (
        tuple(
            _Row(row["citizenship_code"], row["mother_tongue_code"], row["names_locale"])
            for row in rows
        ),
        tuple(accumulate(int(row["weight"]) for row in rows)),
    )


@cache
def _finnish_shares() -> tuple[tuple[float, float, float], ...]:
    """Return per place the running shares of Swedish, Sámi and foreign tongues."""
    return tuple(_shares(place) for place in places())


def _shares(place: Place) -> tuple[float, float, float]:
    languages = load_assumptions().languages
    swedish = place.figures.swedish_per_mille * languages.swedish_relative / PER_MILLE**2
    named = languages.sami_municipalities.get(place.figures.code)
    everywhere = languages.sami_elsewhere_per_hundred_thousand / _HUNDRED_THOUSAND
    sami = everywhere if named is None else named / PER_MILLE
    foreign = languages.foreign_tongue_relative / PER_MILLE * place.foreign_share
    return swedish, swedish + sami, swedish + sami + foreign
