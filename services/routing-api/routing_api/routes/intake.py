"""How a decoded registration is taken in: examined, checked, made a submission."""

import jiter
from msgspec.structs import replace

from kuntavayla.auth import Caller
from kuntavayla.http import InvalidBody, JsonDecoder
from kuntavayla.register import OrganisationKind
from kuntavayla.service.errors import OfficeNotYours
from kuntavayla.service.moments import Call, Moment
from kuntavayla.service.routes.desk import require_own_office
from routing_api.operations.submissions import Submission, submission_of
from routing_api.routes.desk import Desk
from routing_api.rules.intake import Refused, examine, identity_code_fault
from routing_api.rules.registrations import Registration

SENDERS = (OrganisationKind.TE_OFFICE, OrganisationKind.TE_NATIONAL)
READERS = (*SENDERS, OrganisationKind.OPERATOR)


def decode(decoder: JsonDecoder[Registration], body: bytes) -> Registration:
    """Return the registration of the bytes; raises InvalidBody with every fault that can be told.

    The calendar and the register are asked only about a registration that could be decoded; the
    form of the identity code is told beside the other faults.
    """
    try:
        return decoder.decode(body)
    except InvalidBody as failure:
        known = {fault.pointer for fault in failure.faults}
        code = _identity_code_in(body)
        fault = identity_code_fault(code) if code is not None else None
        if fault is None or fault.pointer in known:
            raise
        raise InvalidBody((fault, *failure.faults), noun="registration") from failure


def _identity_code_in(body: bytes) -> str | None:
    try:
        loaded = jiter.from_json(body)
    except ValueError:
        return None
    person = loaded.get("person") if isinstance(loaded, dict) else None
    code = person.get("identity_code") if isinstance(person, dict) else None
    return code if isinstance(code, str) else None


def accept(
    registration: Registration, *, desk: Desk, call: Call, moment: Moment, key: str | None = None
) -> Submission:
    """Return the submission of a decoded registration; raises InvalidBody with every fault."""
    examined = examine(
        registration,
        register=desk.law.registers.newest,
        rule_sets=desk.law.rule_sets,
        today=moment.today,
        limits=desk.intake_limits,
    )
    if isinstance(examined, Refused):
        raise InvalidBody(examined.faults, noun="registration")
    official = registration.acting_official
    if official is not None:
        call = replace(
            call,
            official_id=official.official_id,
            official_role=official.role,
            municipality_code=official.municipality_code,
        )
    return submission_of(
        registration,
        identity_code=examined.identity_code,
        effective_on=examined.effective_on,
        call=call,
        moment=moment,
        law=desk.law,
        key=key,
    )


def require_office(caller: Caller, registration: Registration) -> None:
    """Refuse a TE office that sends for another; the national sender sends for all."""
    is_own = registration.te_office_code == caller.organisation
    if caller.kind is OrganisationKind.TE_OFFICE and not is_own:
        raise OfficeNotYours
    if registration.acting_official is not None:
        require_own_office(caller, registration.acting_official)
