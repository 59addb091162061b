"""What operators ask: figures of the state."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from kuntavayla.database import Connection
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.standing import ServiceFigures, load_service_figures
from kuntavayla.values.calendar import legal_day
from statement_relay.store import figures
from statement_relay.store.figures import Differing, ReceiverWaiting, Unsettled

DIFFERENCE_DAYS = timedelta(days=7)
"""How far back the days lie whose differences are counted: what is older is history."""


class Figures(Struct, frozen=True, kw_only=True):
    """Where the service stands, and what of the information is not settled.

    `oldest_unsettled_s` is 0 where everything is settled; `differences` are those of seven days.
    """

    service: ServiceFigures
    unsettled: Sequence[Unsettled]
    receivers: Sequence[ReceiverWaiting]
    oldest_unsettled_s: float
    differences: Sequence[Differing]
    overdue_requests: int


async def load_figures(connection: Connection, *, moment: Moment) -> Figures:
    """Return the figures of this moment."""
    service = await load_service_figures(connection, moment=moment)
    unsettled = await figures.load_unsettled(connection)
    receivers = await figures.load_receivers(connection, now=moment.now)
    ages_s = [(moment.now - one.oldest_at).total_seconds() for one in unsettled]
    return Figures(
        service=service,
        unsettled=unsettled,
        receivers=receivers,
        oldest_unsettled_s=max(0.0, *ages_s) if ages_s else 0.0,
        differences=await figures.load_differences(
            connection, since=legal_day(moment.now) - DIFFERENCE_DAYS
        ),
        overdue_requests=await figures.count_overdue_requests(connection),
    )
