"""Who asks receivers for their lists of a day, by the clock of a test."""

from datetime import time

from kuntavayla.service.routes.desk import moment_at
from statement_relay.events import SOURCE
from statement_relay.rules.clocks import BusinessHours
from statement_relay.rules.endpoints import Endpoints
from statement_relay.workers.reconciling import Asker
from tests.statement_relay.deliveries import RECEIVER, Post

HOURS = BusinessHours(opens=time(8), closes=time(16, 15))


def asker_of(post: Post) -> Asker:
    """Return who asks the receivers of a post."""
    return Asker(
        pool=post.pool,
        receiver_ids=frozenset({RECEIVER}),
        endpoints=Endpoints(None, post.endpoints),
        hours=HOURS,
        moment=lambda: moment_at(post.clock, source=SOURCE),
        clock=post.clock,
    )
