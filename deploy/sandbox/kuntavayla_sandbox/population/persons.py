"""Registrations as lines of the wire: one number of the plan becomes one line of JSON.

All chance comes from one generator, drawn in a fixed order, so that a seed gives the same file
everywhere. Lines are pasted
together from ready JSON texts, so that the full size takes seconds.
"""

from datetime import date
from random import Random

from kuntavayla_sandbox.population.assumptions import load_assumptions
from kuntavayla_sandbox.population.contacts import BAN_CONTACT, Contacts
from kuntavayla_sandbox.population.days import Days
from kuntavayla_sandbox.population.identities import IdentityCodes
from kuntavayla_sandbox.population.kinds import PER_MILLE, Kind, entitled_rate, kinds
from kuntavayla_sandbox.population.origins import Origin, Origins
from kuntavayla_sandbox.population.plan import Place, places
from kuntavayla_sandbox.population.statistics import load_figures, office_of
from kuntavayla_sandbox.population.structure import Cell

_HUNDRED_THOUSAND = 100_000
_SERVICE_LINES = ("01", "02", "03")
_PLAN_KINDS = ("01", "02", "03")
_MATTERS = ("job_offer", "hearing", "application")


class Lines:
    """Turns numbers of the plan into lines, each with a person of its own."""

    def __init__(self, *, rng: Random, legal_date: date, batch: str) -> None:
        self._random = rng.random
        self._batch = batch
        self._legal_date = legal_date.isoformat()
        self._days = Days(legal_date)
        self._codes = IdentityCodes(
            first_ordinal=self._days.born_first, last_ordinal=self._days.born_last
        )
        self._origins = Origins(self._random)
        self._contacts = Contacts(self._random)
        self._figures = load_figures()
        self._places = places()
        self._kinds = kinds()
        self._offices = [office_of(place.figures, on=legal_date) for place in self._places]
        self._entitlement_unknown = entitled_rate("unknown")
        self._entitled_foreign = entitled_rate("foreign_share")
        self._read_rates()
        self._number = 0

    def line_of(self, planned: int) -> bytes:
        """Return the next registration, of the planned place and kind."""
        index, kind_number = divmod(planned, len(self._kinds))
        place, kind = self._places[index], self._kinds[kind_number]
        self._number += 1
        cell = kind.cell or self._cell_of(place, kind=kind)
        origins = self._origins
        origin = origins.foreign() if cell.is_foreign else origins.finnish(index)
        origin = origins.with_gaps(origin)
        days = self._days
        return (
            f'{{"source":{{"system":"ura","registration_id":"URA-R-{self._batch}-{self._number:07}",'
            f'"client_number":"URA-C-{self._batch}-{self._number:07}"}},'
            f'"registered_at":"{days.registered_at(self._random())}",'
            f'"effective_on":"{self._legal_date}","te_office_code":"{self._offices[index]}",'
            f'"person":{self._person(place, cell=cell, origin=origin)},'
            f'"situation":{self._situation(kind, cell=cell, origin=origin)},'
            f'"plans":{self._plans()}{self._open_matters()}}}'
        ).encode()

    def _read_rates(self) -> None:
        rare, languages = load_assumptions().rare, load_assumptions().languages
        self._ban = rare.security_ban_per_hundred_thousand / _HUNDRED_THOUSAND
        self._protected = rare.protected_of_security_bans / PER_MILLE
        self._by_residence = rare.basis_residence / PER_MILLE
        self._elsewhere = rare.elsewhere_resident / PER_MILLE
        self._joint = rare.joint_service / PER_MILLE
        self._integration = rare.integration_of_foreign / PER_MILLE
        self._plan = rare.with_plan / PER_MILLE
        self._second_plan = rare.with_second_plan / PER_MILLE
        self._matter = rare.with_open_matter / PER_MILLE
        self._wants_swedish = languages.wants_swedish / PER_MILLE
        self._wants_unknown = languages.wants_swedish_unknown / PER_MILLE

    def _cell_of(self, place: Place, *, kind: Kind) -> Cell:
        draw = self._random()
        band = next(band for band, share in enumerate(kind.ages) if draw < share)
        return Cell(
            status=0,
            is_foreign=self._random() < place.foreign_share * kind.foreign_relative,
            age_band=band,
            is_man=self._random() < place.men_share,
        )

    def _person(self, place: Place, *, cell: Cell, origin: Origin) -> str:
        random, names = self._random, origin.names
        ordinal = self._days.birth_ordinal(cell.age_band, draw=random())
        code = self._codes.take(ordinal, parity=int(cell.is_man))
        given, family = names.given[cell.is_man], names.family[cell.is_man]
        first, second = given[int(random() * len(given))], given[int(random() * len(given))]
        last = family[int(random() * len(family))]
        mailbox = f"{first.mailbox}.{last.mailbox}{self._number}"
        return (
            f'{{"identity_code":"{code}","family_name":"{last.text}",'
            f'"given_names":"{first.text} {second.text}",{self._home(place, mailbox=mailbox)},'
            f'"citizenship_codes":{origin.citizenship},"mother_tongue_code":"{origin.tongue}",'
            f'"service_language_code":"{origin.service_language}",'
            f'"has_interpreter_need":{"true" if origin.has_interpreter else "false"}}}'
        )

    def _home(self, place: Place, *, mailbox: str) -> str:
        """Return home and residence, security ban and contact."""
        draw = self._random()
        if draw < self._ban:
            return self._home_of_banned(place)
        residence = place.figures
        if draw > 1.0 - self._elsewhere:
            residence = self._figures[int(self._random() * len(self._figures))]
        basis = "residence" if draw < self._ban + self._by_residence else "population_register"
        home = f'"{place.code}"' if place.code else "null"
        lives = f'"{residence.code}"' if place.is_in_finland else "null"
        return (
            f'"home_municipality_code":{home},'
            f'"home_municipality_basis":"{basis if place.code else "none"}",'
            f'"residence_municipality_code":{lives},"has_security_ban":false,'
            f'"contact":{self._contacts.at(place, mailbox=mailbox, residence=residence)}'
        )

    def _home_of_banned(self, place: Place) -> str:
        is_hidden = place.code is None or self._random() < self._protected
        home = "null" if is_hidden else f'"{place.code}"'
        basis = "protected" if is_hidden else "population_register"
        return (
            f'"home_municipality_code":{home},"home_municipality_basis":"{basis}",'
            f'"residence_municipality_code":null,"has_security_ban":true,"contact":{BAN_CONTACT}'
        )

    def _situation(self, kind: Kind, *, cell: Cell, origin: Origin) -> str:
        random, days = self._random, self._days
        shortest, longest = kind.days_since
        since = shortest + int(random() * (longest - shortest + 1))
        unemployed = "null"
        if kind.is_unemployed:
            unemployed = f'"{days.before(since)}"'
        elif kind.has_earlier_unemployment:
            unemployed = f'"{days.before(since + 30 + int(random() * 600))}"'
        services = kind.service_codes
        service = f'"{services[int(random() * len(services))]}"' if services else "null"
        return (
            f'{{"employment_code":"{kind.employment_code}",'
            f'"employment_code_since_on":"{days.before(since)}",'
            f'"unemployed_since_on":{unemployed},"service_code":{service},'
            f"{self._entitlement(kind, cell=cell, origin=origin)},"
            f'"service_line_code":"{_SERVICE_LINES[int(random() * len(_SERVICE_LINES))]}",'
            f'"wants_service_in_swedish":"{self._swedish(origin)}"{self._flags(origin)}}}'
        )

    def _entitlement(self, kind: Kind, *, cell: Cell, origin: Origin) -> str:
        rate = kind.entitled[cell.age_band]
        if origin.is_foreign_citizen:
            rate *= self._entitled_foreign
        draw = self._random()
        if draw > 1.0 - self._entitlement_unknown:
            return '"earnings_related_entitlement":"unknown","entitlement_checked_on":null'
        checked = self._days.before(1 + int(self._random() * 28))
        told = "entitled" if draw < rate else "not_entitled"
        return f'"earnings_related_entitlement":"{told}","entitlement_checked_on":"{checked}"'

    def _swedish(self, origin: Origin) -> str:
        draw = self._random()
        if draw > 1.0 - self._wants_unknown:
            return "unknown"
        return "yes" if origin.tongue == "sv" and draw < self._wants_swedish else "no"

    def _flags(self, origin: Origin) -> str:
        draw = self._random()
        flags = ',"is_joint_service_client":"yes"' if draw < self._joint else ""
        if origin.is_foreign_citizen and draw > 1.0 - self._integration:
            flags += ',"is_integration_client":"yes"'
        return flags

    def _plans(self) -> str:
        draw = self._random()
        if draw > self._plan:
            return "[]"
        if draw > self._second_plan:
            return f"[{self._one_plan()}]"
        return f"[{self._one_plan()},{self._one_plan()}]"

    def _one_plan(self) -> str:
        made = 1 + int(self._random() * 180)
        review = made - 120 - int(self._random() * 60)
        kind = _PLAN_KINDS[int(self._random() * len(_PLAN_KINDS))]
        days = self._days
        return (
            f'{{"kind_code":"{kind}","made_on":"{days.before(made)}",'
            f'"review_due_on":"{days.before(review)}"}}'
        )

    def _open_matters(self) -> str:
        draw = self._random()
        if draw > self._matter:
            return ""
        kind = _MATTERS[self._number % len(_MATTERS)]
        opened, due = 1 + self._number % 14, -(1 + self._number % 10)
        return (
            f',"open_matters":[{{"kind":"{kind}","reference":"TT-{self._number:07}",'
            f'"opened_on":"{self._days.before(opened)}","due_on":"{self._days.before(due)}"}}]'
        )
