"""What is told of a client while a security ban is set: by the restricted feed, or before it."""

from datetime import UTC, date, datetime

import pytest

from kuntavayla.values.responsibilities import Responsibility
from statement_relay.workers.reminding import remind_of_all
from tests.statement_relay.banning import beside_a_ban
from tests.statement_relay.clients import CLIENT_ID, a_responsibility
from tests.statement_relay.items import another_item
from tests.statement_relay.questions import answer, ask, asked
from tests.statement_relay.service import Relay
from tests.statement_relay.test_information_inbound import read, topic_of
from tests.statement_relay.test_statements import OF_OFFICE, statement

REMIND_AT = datetime(2021, 3, 26, 14, 15, tzinfo=UTC)
DUE_AT = datetime(2021, 3, 29, 13, 15, tzinfo=UTC)


def a_ban() -> Responsibility:
    return a_responsibility(version=2, since=date(2021, 3, 24), is_restricted=True)


async def last_told(relay: Relay, recipient: str = "cs-sotkamo") -> tuple[str, str]:
    """Return type and channel of the newest event."""
    channel, kind, _ = (await relay.outbox(recipient))[-1]
    return kind, channel


async def test_a_statement_beside_a_ban_is_told_by_the_restricted_feed(relay: Relay) -> None:
    await relay.learn(a_responsibility())
    trusted = relay.caller("te-kainuu", "statements.write", "events.restricted")
    giving = trusted.post(
        "/statements", statement(), headers={**OF_OFFICE, "Idempotency-Key": "k1"}
    )

    given = await beside_a_ban(relay, a_ban(), giving)

    assert given.status_code == 201
    assert await last_told(relay) == ("statement.given", "restricted")


async def test_a_question_beside_a_ban_is_refused_to_who_may_not_see_the_client(
    relay: Relay,
) -> None:
    await relay.learn(a_responsibility())

    given = await beside_a_ban(relay, a_ban(), ask(relay))

    assert given.status_code == 404
    assert await relay.outbox() == []


async def test_an_answer_beside_a_ban_is_refused_to_who_may_not_see_the_client(
    relay: Relay,
) -> None:
    request_id = await asked(relay)

    given = await beside_a_ban(relay, a_ban(), answer(relay, request_id))

    assert given.status_code == 404
    assert await relay.outbox("te-kainuu") == []


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (REMIND_AT, "information-request.reminded"),
        (DUE_AT, "information-request.overdue"),
    ],
    ids=["reminded", "overdue"],
)
async def test_a_reminder_beside_a_ban_is_told_by_the_restricted_feed(
    relay: Relay, now: datetime, kind: str
) -> None:
    await asked(relay)
    relay.clock.now = now
    desk = relay.desk

    await beside_a_ban(relay, a_ban(), remind_of_all(desk.pool, moment=desk.moment))

    assert await last_told(relay) == (kind, "restricted")


async def test_a_refused_record_beside_a_ban_is_told_by_the_restricted_feed(relay: Relay) -> None:
    await relay.learn(a_responsibility())
    topic = topic_of()
    topic.write({**another_item(), "kind": "NO_SUCH_KIND"}, key=CLIENT_ID)

    await beside_a_ban(relay, a_ban(), read(relay, topic))

    assert await last_told(relay) == ("information.refused", "restricted")
