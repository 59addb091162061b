"""The profile of a person: what the responsible case system may fetch, and what has changed.

Citizenship and mother tongue are no part of it and never leave routing-api; with a security ban
only a contact address is kept (domain.md, sections 2 and 8).
"""

from datetime import date

import msgspec
from msgspec import Struct

from kuntavayla.values.codes import TriState
from routing_api.events import ChangedGroup
from routing_api.rules.registrations import Contact, OpenMatter, Plan, Registration, Situation


class ProfilePerson(Struct, frozen=True):
    """Names and how to serve and reach the person."""

    family_name: str
    given_names: str
    service_language_code: str
    has_interpreter_need: bool
    has_security_ban: bool
    contact: Contact


class ProfileService(Struct, frozen=True):
    """The employment situation that the municipality works with."""

    employment_code: str
    employment_code_since_on: date | None
    unemployed_since_on: date | None
    service_code: str | None
    service_line_code: str | None
    is_joint_service_client: TriState
    is_integration_client: TriState


class Profile(Struct, frozen=True):
    """All that a case system may fetch, save the identity code, which is sealed by itself."""

    person: ProfilePerson
    service: ProfileService
    plans: tuple[Plan, ...]
    open_matters: tuple[OpenMatter, ...]
    source_client_number: str | None


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Profile).decode


def is_restricted(registration: Registration) -> bool:
    """Say whether the person's events belong into the restricted feed only."""
    person = registration.person
    return person.has_security_ban or person.home_municipality_basis == "protected"


def profile_of(registration: Registration) -> Profile:
    """Return the profile of a registration."""
    person = registration.person
    contact = (
        Contact(address=person.contact.address) if is_restricted(registration) else person.contact
    )
    return Profile(
        ProfilePerson(
            person.family_name,
            person.given_names,
            person.service_language_code,
            person.has_interpreter_need,
            person.has_security_ban,
            contact,
        ),
        _service_of(registration.situation),
        registration.plans,
        registration.open_matters,
        registration.source.client_number,
    )


def _service_of(situation: Situation) -> ProfileService:
    return ProfileService(
        situation.employment_code,
        situation.employment_code_since_on,
        situation.unemployed_since_on,
        situation.service_code,
        situation.service_line_code,
        situation.is_joint_service_client,
        situation.is_integration_client,
    )


def changed_groups(before: Profile, after: Profile) -> tuple[ChangedGroup, ...]:
    """Return the names of the groups in which two profiles differ, never what stands in them."""
    one, other = before.person, after.person
    pairs: tuple[tuple[ChangedGroup, object, object], ...] = (
        ("identity", (one.family_name, one.given_names), (other.family_name, other.given_names)),
        ("contact", one.contact, other.contact),
        (
            "service_language",
            (one.service_language_code, one.has_interpreter_need),
            (other.service_language_code, other.has_interpreter_need),
        ),
        ("service", before.service, after.service),
        ("plans", before.plans, after.plans),
        ("open_matters", before.open_matters, after.open_matters),
        ("source_client_number", before.source_client_number, after.source_client_number),
    )
    return tuple(name for name, was, is_now in pairs if was != is_now)
