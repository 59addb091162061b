"""Where a person lives and how they are reached: real postal codes, invented streets.

No telephone numbers: any that looks real might be somebody's.
"""

from collections.abc import Callable

from kuntavayla_sandbox.population.assumptions import load_assumptions
from kuntavayla_sandbox.population.kinds import PER_MILLE
from kuntavayla_sandbox.population.names import streets_of
from kuntavayla_sandbox.population.plan import Place
from kuntavayla_sandbox.population.statistics import Figures

HOUSES_MAX = 120
# A contact address of persons with a security ban: an office box, the same for everybody.
BAN_CONTACT = (
    '{"email":null,"phone":null,"address":'
    '{"street":"PL 100","postal_code":"00101","post_office":"HELSINKI"}}'
)
# Towns for the codes of persons whose home municipality is abroad. Source: domain.md, rule R3;
# towns assumed.
_ABROAD = {
    "197": ("0150", "OSLO", "578"),
    "198": ("11120", "STOCKHOLM", "752"),
    "200": ("10111", "TALLINN", "233"),
}


class Contacts:
    """Draws contacts as JSON texts; `random` is the generator's uniform draw."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._without = load_assumptions().rare.without_address / PER_MILLE
        self._streets = {False: streets_of("fi_FI"), True: streets_of("sv_SE")}
        self._towns: dict[str, tuple[str, ...]] = {}

    def at(self, place: Place, *, mailbox: str, residence: Figures) -> str:
        """Return the contact of a person who lives in the municipality of residence."""
        draw = self._random()
        if draw < self._without:
            return f'{{"email":"{mailbox}@example.org","phone":null,"address":null}}'
        streets = self._streets[residence.is_swedish_first]
        street = streets[int(self._random() * len(streets))]
        house = int(draw * HOUSES_MAX) + 1
        town = self._town(place, residence=residence)
        return (
            f'{{"email":"{mailbox}@example.org","phone":null,'
            f'"address":{{"street":"{street} {house}",{town}}}}}'
        )

    def _town(self, place: Place, *, residence: Figures) -> str:
        if place.code in _ABROAD:
            postal_code, town, country = _ABROAD[place.code]
            return (
                f'"postal_code":"{postal_code}","post_office":"{town}","country_code":"{country}"'
            )
        towns = self._towns.get(residence.code)
        if towns is None:
            towns = self._towns[residence.code] = _towns_of(residence)
        return towns[int(self._random() * len(towns))]


def _towns_of(figures: Figures) -> tuple[str, ...]:
    name = (figures.name_sv if figures.is_swedish_first else figures.name_fi).upper()
    return tuple(f'"postal_code":"{code}","post_office":"{name}"' for code in figures.postal_codes)
