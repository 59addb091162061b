"""Gather the facts of a registration for one legal day, from registration, register and store.

Pure, and on the hot path of day one. Nothing is gathered that no rule of the rule set reads:
outside the pilots neither situation nor citizenship, language or age.
"""

from datetime import date

from kuntavayla.register import Register
from kuntavayla.values.calendar import age_on, turns_on
from kuntavayla.values.codes import TriState
from routing_api.rules.facts import EarlierClienthood, Facts, MembershipStatus, MotherTongueGroup
from routing_api.rules.registrations import Person, Registration, Situation
from routing_api.rules.rule_sets import RuleSet, TargetGroup

_Place = tuple[MembershipStatus, str | None, str | None]
"""Where a municipality stands: status, area, case system."""
_NO_TARGET: _Place = ("missing", None, None)


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
    code = person.home_municipality_code
    place = _home_place(person, register=register, on=effective_on, rule_set=rule_set)
    office_code = register.te_office_of(code, on=effective_on) if code else None
    if office_code is None:
        office_code = registration.te_office_code
    group = rule_set.target_group
    if group is None:
        return Facts(
            effective_on, person.home_municipality_basis, place[0], office_code, code, *place[1:]
        )
    target_code, transfer_from_on = _transfer(earlier, on=effective_on, rule_set=rule_set)
    target = _place(target_code, register=register, on=effective_on) if target_code else _NO_TARGET
    municipality = register.municipality(code) if code else None
    situation = registration.situation
    return Facts(
        effective_on=effective_on,
        home_municipality_basis=person.home_municipality_basis,
        membership_status=place[0],
        te_office_code=office_code,
        home_municipality_code=code,
        area_code=place[1],
        case_system_id=place[2],
        municipality_language_status=municipality.language_status if municipality else None,
        has_earlier_clienthood="yes" if earlier.has_earlier_clienthood else "no",
        transfer_target_code=target_code,
        transfer_from_on=transfer_from_on,
        target_membership_status=target[0],
        target_area_code=target[1],
        target_case_system_id=target[2],
        employment_code=situation.employment_code,
        service_code=situation.service_code,
        unemployed_days=_unemployed_days(situation, on=effective_on, rule_set=rule_set),
        wants_service_in_swedish=situation.wants_service_in_swedish,
        earnings_related_entitlement=situation.earnings_related_entitlement,
        age_years=age_on(born_on, effective_on),
        turns_30_on=turns_on(born_on, group.age_years_limit),
        has_finnish_citizenship=_has_finnish_citizenship(person.citizenship_codes, group),
        mother_tongue_group=_mother_tongue_group(person.mother_tongue_code, group),
    )


def _home_place(person: Person, *, register: Register, on: date, rule_set: RuleSet) -> _Place:
    if person.home_municipality_basis == "protected":
        return "hidden", None, None
    code = person.home_municipality_code
    if code is None:
        return "missing", None, None
    if code in rule_set.abroad_municipality_codes:
        return "abroad", None, None
    return _place(code, register=register, on=on)


def _place(code: str, *, register: Register, on: date) -> _Place:
    municipality = register.municipality(code)
    if municipality is None or not municipality.period.contains(on):
        return "not_valid", None, None
    membership = register.membership(code, on=on)
    if membership is None:
        return "outside", None, None
    return membership.status, membership.area_code, membership.case_system_id


def _transfer(
    earlier: EarlierClienthood, *, on: date, rule_set: RuleSet
) -> tuple[str | None, date | None]:
    from_on = earlier.transfer_from_on
    if from_on is None or on < from_on or on < rule_set.transfers_from_on:
        return None, None
    return earlier.transfer_target_code, from_on


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
