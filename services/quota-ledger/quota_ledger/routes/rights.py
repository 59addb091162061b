"""Who may order what: areas of the caller, officials who decide, keys of calls."""

from collections.abc import Sequence
from datetime import date

from starlette.requests import Request

from kuntavayla.auth import Caller
from kuntavayla.errors import Fault
from kuntavayla.http import caller_of
from kuntavayla.idempotency import KeyUse, fingerprints_of
from kuntavayla.register import Area, OrganisationKind
from kuntavayla.service.errors import OfficialRoleRefused
from kuntavayla.service.routes.desk import call_of, official_of_call
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.errors import AreaNotYours
from quota_ledger.operations.ordering import OrderDesk
from quota_ledger.routes.desk import Desk, desk_of
from quota_ledger.rules.areas import areas_seen, ely_of, find_area

ORDERERS = (OrganisationKind.ELY, OrganisationKind.MINISTRY)
READERS = (
    OrganisationKind.ELY,
    OrganisationKind.MINISTRY,
    OrganisationKind.CASE_SYSTEM,
    OrganisationKind.OPERATOR,
)
PURPOSE = "quota_decision"


def decider_of_call(request: Request, in_body: ActingOfficial | None = None) -> ActingOfficial:
    """Return the official who must be named and must be a decider: money is decided by no other."""
    official = official_of_call(request, in_body)
    if official.role != "decider":
        raise OfficialRoleRefused
    return official


def order_desk(
    request: Request, official: ActingOfficial | None, content: object, *, route: str, key: str
) -> OrderDesk:
    """Return what an order is made with, under the call's key and a new id."""
    desk = desk_of(request)
    moment = desk.moment()
    fingerprint, *older = fingerprints_of(content, by=desk.fingerprints)
    use = KeyUse(
        organisation=caller_of(request).organisation,
        route=route,
        key=key,
        fingerprint=fingerprint,
        older_fingerprints=tuple(older),
        status=201,
        result_id=moment.new_id(),
    )
    return OrderDesk(
        use=use,
        call=call_of(request, official, purpose=PURPOSE),
        law=desk.law,
        moment=moment,
    )


def seen_areas(caller: Caller, *, desk: Desk) -> frozenset[str] | None:
    """Return the areas whose accounts a caller sees; None stands for all."""
    register, today = desk.newest_register(), desk.moment().today
    return areas_seen(register, caller.organisation, kind=caller.kind, on=today)


def served_codes(caller: Caller, *, desk: Desk) -> tuple[str, ...]:
    """Return the municipalities that a case system serves today; of other callers none."""
    system = desk.newest_register().case_system(caller.organisation)
    return () if system is None else system.municipality_codes(on=desk.moment().today)


def narrowed(seen: frozenset[str] | None, *, area: str | None) -> Sequence[str] | None:
    """Return the areas that are meant; 403 for one that is not the caller's, or is none."""
    if area is None:
        return None if seen is None else sorted(seen)
    if seen is not None and area not in seen:
        raise AreaNotYours
    return [area]


def find_known(desk: Desk, code: str, *, on: date) -> Area | None:
    """Return an area of the register on the day."""
    return find_area(desk.newest_register(), code, on=on)


def area_faults(pointer: str, area: Area | None) -> list[Fault]:
    """Return that an area is unknown on the day."""
    advice = "Give the code of an area that there is on that day."
    return [] if area is not None else [Fault(pointer, "area_unknown", advice)]


def require_own(caller: Caller, *areas: Area, desk: Desk) -> None:
    """Refuse an ELY centre that orders for an area of another one; the ministry orders for all."""
    if caller.kind is not OrganisationKind.ELY:
        return
    register = desk.newest_register()
    if any(ely_of(register, area) != caller.organisation for area in areas):
        raise AreaNotYours
