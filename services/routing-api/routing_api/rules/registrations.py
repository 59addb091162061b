"""What a TE system says about a jobseeker: the registration, field by field, with its bounds.

The wire type and the domain value are one: bytes are decoded straight into these frozen values.
Bounds that need the register or the calendar are judged in `routing_api.rules.intake`; nothing here
reads a clock.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.values.codes import (
    CountryCode,
    Identity,
    Instant,
    LanguageCode,
    MunicipalityCode,
    Name,
    OfficeCode,
    Reference,
    ServiceCode,
    ShortCode,
    ShortText,
    TriState,
)
from kuntavayla.values.officials import ActingOfficial

EmploymentCode = Literal["00", "01", "02", "03", "04", "05", "07", "08", "09"]
"""Employment code of the TE office's register; 06 is unused and refused (domain.md, section 7)."""
HomeMunicipalityBasis = Literal["population_register", "residence", "protected", "none"]
Entitlement = Literal["entitled", "not_entitled", "unknown"]


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the registration was made: system, its own id for it, and its client number."""

    system: ShortCode
    registration_id: Reference
    client_number: Reference | None = None


class Address(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address in Finland or abroad."""

    street: ShortText
    postal_code: ShortText
    post_office: ShortText
    country_code: CountryCode | None = None


class Contact(Struct, frozen=True, forbid_unknown_fields=True):
    """How the person is reached; with a security ban only a contact address may be given."""

    email: ShortText | None = None
    phone: ShortText | None = None
    address: Address | None = None


class Person(Struct, frozen=True, forbid_unknown_fields=True):
    """The person as the TE system knows them; citizenship and mother tongue stay in routing-api."""

    identity_code: Identity
    family_name: Name
    given_names: Name
    home_municipality_basis: HomeMunicipalityBasis
    home_municipality_code: MunicipalityCode | None = None
    residence_municipality_code: MunicipalityCode | None = None
    citizenship_codes: Annotated[tuple[CountryCode, ...], Meta(max_length=10)] = ()
    mother_tongue_code: LanguageCode = "zz"
    service_language_code: LanguageCode = "zz"
    has_interpreter_need: bool = False
    has_security_ban: bool = False
    contact: Contact = Contact()


class Situation(Struct, frozen=True, forbid_unknown_fields=True):
    """The person's employment situation on the day of the registration."""

    employment_code: EmploymentCode
    employment_code_since_on: date | None = None
    unemployed_since_on: date | None = None
    service_code: ServiceCode | None = None
    earnings_related_entitlement: Entitlement = "unknown"
    entitlement_checked_on: date | None = None
    service_line_code: ShortCode | None = None
    wants_service_in_swedish: TriState = "unknown"
    is_joint_service_client: TriState = "unknown"
    is_integration_client: TriState = "unknown"


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """A plan made with the person; it binds until it is revised."""

    kind_code: ShortCode
    made_on: date
    review_due_on: date | None = None
    is_binding_until_revised: bool = True


class OpenMatter(Struct, frozen=True, forbid_unknown_fields=True):
    """A job offer, a hearing or an application that is still open at the TE office."""

    kind: Literal["job_offer", "hearing", "application"]
    reference: Reference
    opened_on: date | None = None
    due_on: date | None = None


class Registration(Struct, frozen=True, forbid_unknown_fields=True):
    """A person registered as a jobseeker: contracts.md, `POST /registrations`."""

    source: Source
    registered_at: Instant
    te_office_code: OfficeCode
    person: Person
    situation: Situation
    effective_on: date | None = None
    plans: Annotated[tuple[Plan, ...], Meta(max_length=20)] = ()
    open_matters: Annotated[tuple[OpenMatter, ...], Meta(max_length=50)] = ()
    acting_official: ActingOfficial | None = None
