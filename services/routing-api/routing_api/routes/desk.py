"""What the routes of routing-api share: the composed parts, and whose cases a caller may see."""

from typing import assert_never

from starlette.requests import Request

from kuntavayla.auth import Caller
from kuntavayla.http import BodyLimits, MicroBatcher
from kuntavayla.register import OrganisationKind
from kuntavayla.service.routes.desk import RESTRICTED, ServiceDesk
from kuntavayla.service.schemas.operating import QueueStatus
from routing_api.operations.law import Law
from routing_api.operations.repeats import Registered
from routing_api.operations.submissions import Submission
from routing_api.operations.transfers import Party
from routing_api.routes.answers import PREFIX
from routing_api.rules.competences import Competences
from routing_api.rules.intake import IntakeLimits
from routing_api.rules.transfers import ReportBounds

RESYNC = (
    f"Read the snapshot {PREFIX}/clienthoods and go on from its feed_cursor. Who has no snapshot"
    f" takes a place by {PREFIX}/events?after=now, then reads the lists {PREFIX}/transfers and"
    f" {PREFIX}/reviews."
)
"""What a reader does whose cursor leads nowhere any more."""


class Desk(ServiceDesk, frozen=True, kw_only=True):
    """The parts that the composition root has put together for the routes of one process."""

    law: Law
    registrations: MicroBatcher[Submission, Registered]
    intake_limits: IntakeLimits
    report_bounds: ReportBounds
    bulk_limits: BodyLimits
    competences: Competences
    duplicate_wait_s_max: float

    def queues(self) -> list[QueueStatus]:
        """Return what waits in this process."""
        single, bulk = self.registrations.waiting
        return [
            QueueStatus("registrations", "single", single),
            QueueStatus("registrations", "bulk", bulk),
        ]


def desk_of(request: Request) -> Desk:
    """Return the desk of the app that serves a request."""
    desk: Desk = request.app.state.desk
    return desk


def party_of(caller: Caller) -> Party:
    """Return whose cases the caller may see.

    A case system and a TE office see their own, others all.
    """
    may_see_restricted = RESTRICTED in caller.scopes
    match caller.kind:
        case OrganisationKind.CASE_SYSTEM:
            return Party(case_system_id=caller.organisation, may_see_restricted=may_see_restricted)
        case OrganisationKind.TE_OFFICE:
            return Party(te_office_code=caller.organisation, may_see_restricted=may_see_restricted)
        case (
            OrganisationKind.TE_NATIONAL
            | OrganisationKind.OPERATOR
            | OrganisationKind.ELY
            | OrganisationKind.KEHA
            | OrganisationKind.MINISTRY
            | OrganisationKind.AUDITOR
            | OrganisationKind.SERVICE
        ):
            return Party(may_see_restricted=may_see_restricted)
        case _:
            assert_never(caller.kind)
