"""Examine a decoded registration against register and calendar, before anything is judged.

The decoder has checked form and bounds; here is what it cannot know. All faults are found in one
pass, each with pointer, code and advice, never with the value.
"""

from datetime import date

from msgspec import Struct

from kuntavayla.errors import Fault
from kuntavayla.register import Register
from kuntavayla.values.calendar import age_on, legal_day
from kuntavayla.values.faults import instant_fault, reference_faults
from kuntavayla.values.identity_codes import (
    IdentityCode,
    IdentityCodeFault,
)
from kuntavayla.values.identity_codes import parse as parse_identity_code
from routing_api.rules.registrations import Person, Registration
from routing_api.rules.rule_sets import RuleSets

IDENTITY_CODE_POINTER = "/person/identity_code"
_HOME_POINTER = "/person/home_municipality_code"
_IDENTITY_CODE_ADVICE = {
    "malformed": "Give the birth date, century sign, three digits and check character.",
    "century_sign": "The century sign is none of those in use.",
    "no_such_day": "The date of birth is no day of the calendar.",
    "individual_number": "The individual number is none of those in use.",
    "check_character": "The check character does not match.",
}


class IntakeLimits(Struct, frozen=True, kw_only=True):
    """Bounds of what is taken in; they are settings of the service, in days and years.

    `is_test_code_allowed`: whether identity codes with an individual number of 900-999 are taken.
    """

    days_ahead_max: int
    days_back_max: int
    age_years_max: int
    is_test_code_allowed: bool


class Accepted(Struct, frozen=True):
    """A registration without faults: its parsed identity code and the legal day to judge."""

    identity_code: IdentityCode
    effective_on: date


class Refused(Struct, frozen=True):
    """A registration with at least one fault; nothing of it may be stored."""

    faults: tuple[Fault, ...]


def examine(
    registration: Registration,
    *,
    register: Register,
    rule_sets: RuleSets,
    today: date,
    limits: IntakeLimits,
) -> Accepted | Refused:
    """Return the registration's identity code and legal day, or every fault that it has.

    The legal day is `effective_on` or, where it is not given, the Helsinki day of `registered_at`.
    Municipalities that have ended and the codes of places abroad are valid; a country code need
    only be well formed.
    """
    effective_on, faults = _legal_day(registration, today=today, limits=limits)
    identity_code, identity_fault = _identity_code(registration.person, limits=limits)
    if identity_code is not None and effective_on is not None:
        identity_fault = _age_fault(identity_code, on=effective_on, limits=limits)
    home_fault = _home_fault(registration.person, register=register, rule_sets=rule_sets)
    office_fault = _office_fault(registration, register=register, on=effective_on)
    found = (identity_fault, home_fault, office_fault, _registered_at_fault(registration))
    faults += [fault for fault in found if fault is not None]
    faults += reference_faults(_references(registration))
    if faults or identity_code is None or effective_on is None:
        return Refused(tuple(faults))
    return Accepted(identity_code, effective_on)


def _registered_at_fault(registration: Registration) -> Fault | None:
    """Return the fault of the instant, unless it gives the legal day, which is judged itself."""
    if registration.effective_on is None:
        return None
    return instant_fault("/registered_at", registration.registered_at)


def _references(registration: Registration) -> tuple[tuple[str, str | None], ...]:
    source, official = registration.source, registration.acting_official
    return (
        ("/source/registration_id", source.registration_id),
        ("/source/client_number", source.client_number),
        ("/acting_official/official_id", official.official_id if official else None),
    )


def _legal_day(
    registration: Registration, *, today: date, limits: IntakeLimits
) -> tuple[date | None, list[Fault]]:
    pointer = "/registered_at" if registration.effective_on is None else "/effective_on"
    try:
        effective_on = registration.effective_on or legal_day(registration.registered_at)
    except OverflowError:
        # The instant lies at an end of the calendar, where it has no day in Helsinki.
        is_ahead = registration.registered_at.year > today.year
        return None, [_far_ahead(pointer, limits) if is_ahead else _far_back(pointer, limits)]
    days_ahead = (effective_on - today).days
    if days_ahead > limits.days_ahead_max:
        return effective_on, [_far_ahead(pointer, limits)]
    if -days_ahead > limits.days_back_max:
        return effective_on, [_far_back(pointer, limits)]
    return effective_on, []


def _far_ahead(pointer: str, limits: IntakeLimits) -> Fault:
    advice = f"Give a day at most {limits.days_ahead_max} days ahead of today."
    return Fault(pointer, "effective_on_too_far_ahead", advice)


def _far_back(pointer: str, limits: IntakeLimits) -> Fault:
    advice = f"Give a day at most {limits.days_back_max} days before today."
    return Fault(pointer, "effective_on_too_far_back", advice)


def identity_code_fault(text: str) -> Fault | None:
    """Return the fault of an identity code's form, or None."""
    try:
        parse_identity_code(text)
    except IdentityCodeFault as fault:
        return _form_fault(fault)
    return None


def _form_fault(fault: IdentityCodeFault) -> Fault:
    advice = _IDENTITY_CODE_ADVICE[fault.reason]
    return Fault(IDENTITY_CODE_POINTER, f"identity_code_{fault.reason}", advice)


def _identity_code(
    person: Person, *, limits: IntakeLimits
) -> tuple[IdentityCode | None, Fault | None]:
    try:
        identity_code = parse_identity_code(person.identity_code)
    except IdentityCodeFault as fault:
        return None, _form_fault(fault)
    if identity_code.is_test and not limits.is_test_code_allowed:
        advice = "Identity codes with an individual number of 900-999 are for tests only."
        return None, Fault(IDENTITY_CODE_POINTER, "identity_code_for_tests_only", advice)
    return identity_code, None


def _age_fault(identity_code: IdentityCode, *, on: date, limits: IntakeLimits) -> Fault | None:
    if identity_code.born_on > on:
        advice = "The person would be born after the day on which the registration takes effect."
        return Fault(IDENTITY_CODE_POINTER, "identity_code_born_in_future", advice)
    if age_on(identity_code.born_on, on) > limits.age_years_max:
        advice = (
            f"The person would be older than {limits.age_years_max} years; check the century sign."
        )
        return Fault(IDENTITY_CODE_POINTER, "identity_code_too_old", advice)
    return None


def _home_fault(person: Person, *, register: Register, rule_sets: RuleSets) -> Fault | None:
    code = person.home_municipality_code
    is_named = person.home_municipality_basis in ("population_register", "residence")
    if code is None:
        if not is_named:
            return None
        advice = 'Give the home municipality, or the basis "none" or "protected".'
        return Fault(_HOME_POINTER, "municipality_code_required", advice)
    if not is_named:
        advice = 'Leave the home municipality out where the basis is "none" or "protected".'
        return Fault(_HOME_POINTER, "municipality_code_not_expected", advice)
    if code in rule_sets.abroad_municipality_codes or register.municipality(code) is not None:
        return None
    advice = "Give the code of a municipality that the register knows or has known."
    return Fault(_HOME_POINTER, "municipality_code_unknown", advice)


def _office_fault(
    registration: Registration, *, register: Register, on: date | None
) -> Fault | None:
    if on is None or register.is_office(registration.te_office_code, on=on):
        return None
    advice = "Give the code of a TE office (from 2025 an employment area) of that day."
    return Fault("/te_office_code", "te_office_code_unknown", advice)
