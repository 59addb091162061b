"""Gather the facts of a registration for one legal day, from registration, register and store.

Pure, and on the hot path of day one. Nothing is gathered that no rule of the rule set reads:
outside the pilots neither situation nor citizenship, language or age.
"""

from datetime import date
from typing import NamedTuple

from msgspec import structs

from kuntavayla.register import Register
from kuntavayla.values.calendar import age_on, turns_on
from kuntavayla.values.codes import TriState
from routing_api.rules.facts import (
    EarlierClienthood,
    Facts,
    MembershipStatus,
    MotherTongueGroup,
    YesNo,
)
from routing_api.rules.registrations import Registration, Situation
from routing_api.rules.rule_sets import RuleSet, TargetGroup

_Place = tuple[MembershipStatus, str | None, str | None]
"""Where a municipality stands: status, area, case system."""


class _Home(NamedTuple):
    """The home municipality on the legal day, and the TE office concerned."""

    on: date
    place: _Place
    te_office_code: str
    language_status: str | None


class _Transfer(NamedTuple):
    """An accepted transfer in force on the legal day, and where its target stands."""

    target_code: str | None = None
    from_on: date | None = None
    place: _Place = ("missing", None, None)


_NO_TRANSFER = _Transfer()


def gather(
    registration: Registration,
    *,
    born_on: date,
    effective_on: date,
    register: Register,
    earlier: EarlierClienthood,
    rule_set: RuleSet,
) -> Facts:
    """Return the facts that the rule set judges on the legal day `effective_on`.

    `born_on` comes from the identity code. A transfer that is not in force on the day is no fact.
    """
    person = registration.person
    home = _home(registration, register=register, on=effective_on, rule_set=rule_set)
    if rule_set.target_group is None:
        status, area_code, case_system_id = home.place
        return Facts(
            effective_on=effective_on,
            home_municipality_basis=person.home_municipality_basis,
            membership_status=status,
            te_office_code=home.te_office_code,
            home_municipality_code=person.home_municipality_code,
            area_code=area_code,
            case_system_id=case_system_id,
        )
    transfer = _transfer(earlier, register=register, on=effective_on, rule_set=rule_set)
    return _facts_of_the_pilot(
        registration,
        home=home,
        transfer=transfer,
        born_on=born_on,
        has_earlier_clienthood="yes" if earlier.has_earlier_clienthood else "no",
        rule_set=rule_set,
    )


def with_home(facts: Facts, code: str, *, register: Register, rule_set: RuleSet) -> Facts:
    """Return the facts with another home municipality, as a review has cleared it up.

    The basis is then the population register: an official has looked there.
    """
    place = _place_among(code, register=register, on=facts.effective_on, rule_set=rule_set)
    status, area_code, case_system_id = place
    office_code = register.te_office_of(code, on=facts.effective_on)
    municipality = register.municipality(code)
    return structs.replace(
        facts,
        home_municipality_basis="population_register",
        home_municipality_code=code,
        membership_status=status,
        area_code=area_code,
        case_system_id=case_system_id,
        te_office_code=office_code or facts.te_office_code,
        municipality_language_status=municipality.language_status if municipality else None,
    )


def on_another_day(facts: Facts, on: date, *, register: Register, rule_set: RuleSet) -> Facts:
    """Return the facts of a person as they stand on another day, by the rule set of that day.

    The register is asked for the day; what was known of the person stays.
    """
    code, basis = facts.home_municipality_code, facts.home_municipality_basis
    if rule_set.target_group is None:
        moved = Facts(
            effective_on=on,
            home_municipality_basis=basis,
            membership_status=facts.membership_status,
            te_office_code=facts.te_office_code,
            home_municipality_code=code,
        )
    else:
        moved = _aged(facts, on, group=rule_set.target_group)
        moved = _with_target(moved, register=register)
    if code is None or basis == "protected":
        return moved
    placed = with_home(moved, code, register=register, rule_set=rule_set)
    if rule_set.target_group is None:
        placed = structs.replace(placed, municipality_language_status=None)
    return structs.replace(placed, home_municipality_basis=basis)


def _aged(facts: Facts, on: date, *, group: TargetGroup) -> Facts:
    days, birthday = facts.unemployed_days, facts.turns_30_on
    if days is not None:
        days += (on - facts.effective_on).days
    age_years = facts.age_years
    if birthday is not None:
        age_years = group.age_years_limit + age_on(birthday, on)
    return structs.replace(facts, effective_on=on, unemployed_days=days, age_years=age_years)


def _with_target(facts: Facts, *, register: Register) -> Facts:
    if facts.transfer_target_code is None:
        return facts
    place = place_of(facts.transfer_target_code, register=register, on=facts.effective_on)
    status, area_code, case_system_id = place
    return structs.replace(
        facts,
        target_membership_status=status,
        target_area_code=area_code,
        target_case_system_id=case_system_id,
    )


def place_of(code: str, *, register: Register, on: date) -> _Place:
    """Return where a municipality stands on a day: membership status, area, case system."""
    municipality = register.municipality(code)
    if municipality is None or not municipality.period.contains(on):
        return "not_valid", None, None
    membership = register.membership(code, on=on)
    if membership is None:
        return "outside", None, None
    return membership.status, membership.area_code, membership.case_system_id


def _facts_of_the_pilot(
    registration: Registration,
    *,
    home: _Home,
    transfer: _Transfer,
    born_on: date,
    has_earlier_clienthood: YesNo,
    rule_set: RuleSet,
) -> Facts:
    group = rule_set.target_group
    assert group is not None, "Only rule sets with a target group ask for it."
    person, situation = registration.person, registration.situation
    status, area_code, case_system_id = home.place
    target_status, target_area_code, target_case_system_id = transfer.place
    return Facts(
        effective_on=home.on,
        home_municipality_basis=person.home_municipality_basis,
        membership_status=status,
        te_office_code=home.te_office_code,
        home_municipality_code=person.home_municipality_code,
        area_code=area_code,
        case_system_id=case_system_id,
        municipality_language_status=home.language_status,
        has_earlier_clienthood=has_earlier_clienthood,
        transfer_target_code=transfer.target_code,
        transfer_from_on=transfer.from_on,
        target_membership_status=target_status,
        target_area_code=target_area_code,
        target_case_system_id=target_case_system_id,
        employment_code=situation.employment_code,
        service_code=situation.service_code,
        unemployed_days=_unemployed_days(situation, on=home.on, rule_set=rule_set),
        wants_service_in_swedish=situation.wants_service_in_swedish,
        earnings_related_entitlement=situation.earnings_related_entitlement,
        age_years=age_on(born_on, home.on),
        turns_30_on=turns_on(born_on, group.age_years_limit),
        has_finnish_citizenship=_has_finnish_citizenship(person.citizenship_codes, group),
        mother_tongue_group=_mother_tongue_group(person.mother_tongue_code, group),
    )


def _home(registration: Registration, *, register: Register, on: date, rule_set: RuleSet) -> _Home:
    code = registration.person.home_municipality_code
    is_hidden = registration.person.home_municipality_basis == "protected"
    if code is None or is_hidden:
        status: MembershipStatus = "hidden" if is_hidden else "missing"
        return _Home(on, (status, None, None), registration.te_office_code, None)
    place = _place_among(code, register=register, on=on, rule_set=rule_set)
    office_code = register.te_office_of(code, on=on) or registration.te_office_code
    municipality = register.municipality(code)
    language_status = None if municipality is None else municipality.language_status
    return _Home(on, place, office_code, language_status)


def _place_among(code: str, *, register: Register, on: date, rule_set: RuleSet) -> _Place:
    if code in rule_set.abroad_municipality_codes:
        return "abroad", None, None
    return place_of(code, register=register, on=on)


def _transfer(
    earlier: EarlierClienthood, *, register: Register, on: date, rule_set: RuleSet
) -> _Transfer:
    code, from_on = earlier.transfer_target_code, earlier.transfer_from_on
    if code is None or from_on is None or on < from_on or on < rule_set.transfers_from_on:
        return _NO_TRANSFER
    return _Transfer(code, from_on, place_of(code, register=register, on=on))


def _unemployed_days(situation: Situation, *, on: date, rule_set: RuleSet) -> int | None:
    since_on = situation.unemployed_since_on
    if since_on is None or not rule_set.is_short_unemployment_judged:
        return None
    return (on - since_on).days


def _has_finnish_citizenship(codes: tuple[str, ...], group: TargetGroup) -> TriState:
    if group.finnish_citizenship_code in codes:
        return "yes"
    return "unknown" if group.unknown_citizenship_codes.issuperset(codes) else "no"


def _mother_tongue_group(code: str, group: TargetGroup) -> MotherTongueGroup:
    if code in group.domestic_language_codes:
        return "domestic"
    return "unknown" if code in group.unknown_language_codes else "foreign"
