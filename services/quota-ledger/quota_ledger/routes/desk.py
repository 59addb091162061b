"""What the routes of quota-ledger share: the composed parts of the process."""

from starlette.requests import Request

from kuntavayla.http import BodyLimits, MicroBatcher
from kuntavayla.service.routes.desk import ServiceDesk
from kuntavayla.values.statistics import Disclosure
from quota_ledger.operations.decisions import Answered
from quota_ledger.operations.law import Law
from quota_ledger.operations.submissions import Submission
from quota_ledger.routes.answers import PREFIX

RESTART = "take a place by after=now, then read GET /balances"
"""Where a reader starts again whose cursor leads nowhere any more."""
RESYNC = f"Take a place by {PREFIX}/events?after=now, then read the list {PREFIX}/balances."


class Desk(ServiceDesk, frozen=True, kw_only=True):
    """The parts that the composition root has put together for the routes of one process."""

    bulk_limits: BodyLimits
    law: Law
    disclosure: Disclosure
    decisions: MicroBatcher[Submission, Answered]
    duplicate_wait_s_max: float


def desk_of(request: Request) -> Desk:
    """Return the desk of the app that serves a request."""
    desk: Desk = request.app.state.desk
    return desk
