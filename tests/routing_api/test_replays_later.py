"""A repeat long after the first call: what has changed meanwhile does not change its answer."""

from dataclasses import replace
from datetime import timedelta

import msgspec
from msgspec import structs

from kuntavayla.register import Register, load_register
from routing_api.operations.registers import RegisterKeeper
from routing_api.routes.answers import decision_answer
from routing_api.routes.desk import Desk
from routing_api.store.decisions import load_first_decisions
from tests.builders import a_registration
from tests.routing_api.service import Routing
from tests.routing_api.test_reviews import NOT_ENTITLED, UNKNOWN, resolve
from tests.served import Json

FORGET_WHAT_ANSWERED = "UPDATE registrations SET decision_id = NULL"


async def test_a_repeat_is_answered_by_the_first_decision_even_where_a_later_one_looks_older(
    routing: Routing,
) -> None:
    first = await routing.office().register(a_registration(**UNKNOWN), key="k-1")
    # Another process resolves the review, and its clock is behind.
    routing.clock.now -= timedelta(seconds=1)
    resolved = await resolve(
        routing.office(), first.json()["review"]["review_id"], facts=NOT_ENTITLED
    )

    again = await routing.office().register(a_registration(**UNKNOWN), key="k-1")

    assert resolved.json()["decided_at"] < first.json()["decided_at"]
    assert again.content == first.content
    read = await routing.office().get(f"/registrations/{first.json()['registration_id']}")
    assert read.json()["decision"]["decision_id"] == first.json()["decision_id"]


async def test_a_registration_of_the_release_before_is_answered_by_its_oldest_decision(
    routing: Routing,
) -> None:
    first = await routing.office().register(a_registration(**UNKNOWN), key="k-1")
    routing.clock.tick()
    await resolve(routing.office(), first.json()["review"]["review_id"], facts=NOT_ENTITLED)
    await routing.fetch(FORGET_WHAT_ANSWERED)

    again = await routing.office().register(a_registration(**UNKNOWN), key="k-1")

    assert again.content == first.content


async def test_the_client_is_told_the_names_of_the_day_of_the_decision(routing: Routing) -> None:
    first = await routing.office().registered(a_registration())
    desk: Desk = routing.app.state.desk
    async with desk.transaction() as connection:
        stored = await load_first_decisions(connection, [first["registration_id"]])
    decision = stored[first["registration_id"]]

    law = structs.replace(desk.law, registers=RegisterKeeper(renamed("765", to="Uusi-Sotkamo")))
    later = decision_answer(decision, law=law)
    of_the_release_before = decision_answer(structs.replace(decision, names=None), law=law)

    assert told(later) == first["client_text"]
    assert "Uusi-Sotkamo" in told(of_the_release_before)["fi"]


def renamed(code: str, *, to: str) -> Register:
    """Return the register as a later release may know it."""
    content = load_register()._content
    municipalities = tuple(
        structs.replace(entry, name_fi=to) if entry.code == code else entry
        for entry in content.municipalities
    )
    return Register(replace(content, municipalities=municipalities))


def told(answer: object) -> Json:
    return msgspec.to_builtins(answer)["client_text"]
