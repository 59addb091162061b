"""Who exists in the local stack.

One identity per organisation of the register, its roles, and the scopes of a role.
"""

import secrets
import tomllib
from collections.abc import Iterable
from datetime import date, timedelta
from importlib.resources import files

from kuntavayla.register import Organisation, OrganisationKind, Register, load_register
from kuntavayla_sandbox.state import Identity, SecretFile

SECRET_BYTES = 32
AHEAD_DAYS = 60
"""How far ahead a registration may take effect: whoever acts on such a day is told in advance."""


def role_of(kind: OrganisationKind) -> str:
    """Return the role that an organisation's kind gives its identity."""
    match kind:
        case OrganisationKind.TE_OFFICE | OrganisationKind.TE_NATIONAL:
            return "te"
        case (
            OrganisationKind.CASE_SYSTEM
            | OrganisationKind.ELY
            | OrganisationKind.KEHA
            | OrganisationKind.MINISTRY
            | OrganisationKind.OPERATOR
            | OrganisationKind.AUDITOR
            | OrganisationKind.SERVICE
        ):
            return kind.value


def load_scopes(*, on: date) -> dict[str, tuple[str, ...]]:
    """Return the scopes of each role by the newest table in force, or the first one before it."""
    text = (files("kuntavayla_sandbox") / "roles.toml").read_text()
    tables = sorted(tomllib.loads(text)["table"], key=lambda table: table["valid_from"])
    in_force = [table for table in tables if table["valid_from"] <= on]
    roles: dict[str, list[str]] = (in_force[-1] if in_force else tables[0])["roles"]
    return {role: tuple(scopes) for role, scopes in roles.items()}


def is_te_office(organisation_id: str) -> bool:
    """Tell whether the register knows a TE office of this id, of whatever day."""
    found = load_register().organisation(organisation_id)
    return found is not None and found.kind is OrganisationKind.TE_OFFICE


def organisations_on(register: Register, *, on: date) -> list[Organisation]:
    """Return the organisations that act on the day.

    Offices and case systems by their dates, the others always.
    """
    case_systems = {system.case_system_id for system in register.case_systems(on=on)}
    return [
        organisation
        for organisation in register.organisations()
        if _acts(organisation, register=register, case_systems=case_systems, on=on)
    ]


def organisations_ahead(register: Register, *, on: date) -> list[Organisation]:
    """Return the organisations that act on the day or on one of those that follow."""
    acting = {
        organisation.organisation_id
        for day in days_ahead(on)
        for organisation in organisations_on(register, on=day)
    }
    return [each for each in register.organisations() if each.organisation_id in acting]


def days_ahead(on: date) -> tuple[date, ...]:
    """Return the day and those that follow on which a registration made on it may take effect."""
    return tuple(on + timedelta(days=count) for count in range(AHEAD_DAYS + 1))


def _acts(
    organisation: Organisation, *, register: Register, case_systems: set[str], on: date
) -> bool:
    match organisation.kind:
        case OrganisationKind.TE_OFFICE:
            return register.is_office(organisation.organisation_id, on=on)
        case OrganisationKind.CASE_SYSTEM:
            return organisation.organisation_id in case_systems
        case _:
            return True


def make_identities(
    organisations: Iterable[Organisation], *, kept: SecretFile
) -> tuple[Identity, ...]:
    """Return one identity per organisation.

    Its client id and secret are random and kept with the state.
    """
    return tuple(_identity(organisation, kept=kept) for organisation in organisations)


def _identity(organisation: Organisation, *, kept: SecretFile) -> Identity:
    name = organisation.organisation_id
    return Identity(
        name=name,
        organisation=name,
        roles=(role_of(organisation.kind),),
        client_id=kept.keep(
            f"client_id/{name}", make=lambda: f"{name}-{secrets.token_hex(SECRET_BYTES // 4)}"
        ),
        client_secret=kept.keep(
            f"client_secret/{name}", make=lambda: secrets.token_urlsafe(SECRET_BYTES)
        ),
    )
