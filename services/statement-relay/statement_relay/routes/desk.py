"""What the routes of statement-relay share: the composed parts of the process."""

from collections.abc import Awaitable
from datetime import date
from typing import Protocol

from starlette.requests import Request

from kuntavayla.http import BodyLimits, MicroBatcher
from kuntavayla.service.moments import Call
from kuntavayla.service.routes.desk import ServiceDesk
from kuntavayla.values.statistics import Disclosure
from statement_relay.operations.law import Law
from statement_relay.operations.submissions import Submission
from statement_relay.operations.successors import Stale
from statement_relay.routes.answers import PREFIX
from statement_relay.rules.accepted import Accepted
from statement_relay.rules.clocks import DeliveryTarget
from statement_relay.rules.endpoints import Endpoints
from statement_relay.rules.reconciliations import Reconciliation

RESTART = "take a place by after=now, then read GET /information"
"""Where a reader starts again whose cursor leads nowhere any more."""
RESYNC = f"Take a place by {PREFIX}/events?after=now, then read the list {PREFIX}/information."


class AskReceiver(Protocol):
    """Asks a receiver what it took on a day, and returns what came of it."""

    def __call__(self, receiver_id: str, day: date, *, call: Call) -> Awaitable[Reconciliation]:
        """Ask; raises ReceiverNotFound, and ReceiverListMissing where no whole list came."""


class Desk(ServiceDesk, frozen=True, kw_only=True):
    """The parts that the composition root has put together for the routes of one process."""

    bulk_limits: BodyLimits
    endpoints: Endpoints
    ask_receiver: AskReceiver
    law: Law
    information: MicroBatcher[Submission, Accepted | Stale]
    duplicate_wait_s_max: float
    request_target: DeliveryTarget
    disclosure: Disclosure


def desk_of(request: Request) -> Desk:
    """Return the desk of the app that serves a request."""
    desk: Desk = request.app.state.desk
    return desk
