from datetime import timedelta

from prometheus_client import CollectorRegistry

from routing_api.routes.desk import Desk
from routing_api.workers import FigureGauges, keep_fresh
from tests.builders import another_person
from tests.routing_api.service import Routing

ACTING = {"official_id": "operator:u-1", "role": "operator"}
WAITING = "kuntavayla_outbox_waiting_events"
OLDEST = "kuntavayla_outbox_oldest_waiting_seconds"
HELD = "kuntavayla_outbox_recipient_held"
COMMON = {"recipient": "cs-sotkamo", "channel": "common"}


class Look:
    """Looks at the figures when told to, and gives what the gauges show."""

    def __init__(self, routing: Routing) -> None:
        self._desk: Desk = routing.app.state.desk
        self._registry = CollectorRegistry()
        self._gauges = FigureGauges(self._registry)

    async def look(self) -> None:
        desk = self._desk
        await keep_fresh(
            desk.pool,
            law=desk.law,
            moment=desk.moment,
            gauges=self._gauges,
            readings=desk.readings,
            transport=desk.transport,
        )

    def of(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, labels or COMMON)


async def test_what_waits_for_a_recipient_is_counted_and_its_age_told(routing: Routing) -> None:
    figures = Look(routing)
    await routing.case_system().get("/events")
    await routing.office().registered(another_person())
    await routing.office().registered(another_person())
    routing.clock.now += timedelta(seconds=90)

    await figures.look()

    assert figures.of(WAITING) == 2
    age_s = figures.of(OLDEST)
    assert age_s is not None
    assert 89 < age_s <= 90


async def test_nothing_waits_for_a_recipient_that_came_back_with_its_cursor(
    routing: Routing,
) -> None:
    figures = Look(routing)
    await routing.office().registered(another_person())
    read = await routing.case_system().get("/events")
    await routing.case_system().get("/events", params={"after": read.headers["Next-Cursor"]})
    routing.clock.now += timedelta(seconds=90)

    await figures.look()

    assert (figures.of(WAITING), figures.of(OLDEST)) == (0, 0)


async def test_who_never_came_has_no_series_because_its_place_is_not_known(
    routing: Routing,
) -> None:
    figures = Look(routing)
    await routing.office().registered(another_person())

    await figures.look()

    assert (figures.of(WAITING), figures.of(OLDEST)) == (None, None)


async def test_a_recipient_held_back_has_a_series_until_it_is_resumed(routing: Routing) -> None:
    figures = Look(routing)
    body = {"reason": "its system is being renewed", "acting_official": ACTING}
    await routing.operator.post("/recipients/cs-sotkamo:pause", body)
    await figures.look()
    while_paused = figures.of(HELD, recipient="cs-sotkamo")

    await routing.operator.post("/recipients/cs-sotkamo:resume", {"acting_official": ACTING})
    await figures.look()

    assert while_paused == 1
    assert figures.of(HELD, recipient="cs-sotkamo") is None
