from datetime import timedelta

import pytest

from kuntavayla.audit import AuditFilter, AuditLine, append, list_lines
from kuntavayla.database import Pool, transaction
from tests.shared.event_examples import NOW, new_id

AINO, ONNI = new_id(), new_id()


def a_line(
    action: str,
    *,
    client_id: str = AINO,
    official_id: str | None = None,
    organisation: str = "cs-sotkamo",
    minutes: int = 0,
) -> AuditLine:
    return AuditLine(
        recorded_at=NOW + timedelta(minutes=minutes),
        organisation=organisation,
        action=action,
        outcome="disclosed",
        request_id="r-1",
        client_id=client_id,
        official_id=official_id,
    )


LINES = [
    a_line("first", official_id="sotkamo:u-1"),
    a_line("second", client_id=ONNI, minutes=1),
    a_line("third", organisation="te-kainuu", minutes=2),
    a_line("fourth", official_id="sotkamo:u-1", client_id=ONNI, minutes=3),
]


async def listed(pool: Pool, query: AuditFilter, *, after: int = 0, limit: int = 10) -> list[str]:
    async with transaction(pool) as connection:
        found = await list_lines(connection, query, after=after, limit=limit)
    return [line.action for line in found]


async def written(pool: Pool) -> None:
    async with transaction(pool) as connection:
        await append(connection, LINES[:2])
        await append(connection, [])
        await append(connection, LINES[2:])


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        (AuditFilter(), ["first", "second", "third", "fourth"]),
        (AuditFilter(client_id=ONNI), ["second", "fourth"]),
        (AuditFilter(official_id="sotkamo:u-1"), ["first", "fourth"]),
        (AuditFilter(official_id="sotkamo:u-1", client_id=AINO), ["first"]),
        (AuditFilter(organisation="te-kainuu"), ["third"]),
        (AuditFilter(since=NOW + timedelta(minutes=2)), ["third", "fourth"]),
        (AuditFilter(until=NOW + timedelta(minutes=1)), ["first"]),
        (AuditFilter(organisation="cs-kajaani"), []),
    ],
    ids=["all", "client", "official", "both", "organisation", "since", "until", "nobody"],
)
async def test_the_audit_answers_who_did_what_to_whom_and_when(
    pool: Pool, query: AuditFilter, actions: list[str]
) -> None:
    await written(pool)

    assert await listed(pool, query) == actions


async def test_pages_of_the_audit_follow_each_other_without_loss(pool: Pool) -> None:
    await written(pool)

    async with transaction(pool) as connection:
        first = await list_lines(connection, AuditFilter(), after=0, limit=3)
    rest = await listed(pool, AuditFilter(), after=first[-1].audit_id, limit=3)

    assert [line.action for line in first] + rest == ["first", "second", "third", "fourth"]


async def test_a_line_that_is_committed_late_is_passed_over_by_a_cursor_and_met_from_the_start(
    pool: Pool,
) -> None:
    async with transaction(pool) as slow:
        await append(slow, LINES[:1])
        async with transaction(pool) as fast:
            await append(fast, LINES[1:2])
        async with transaction(pool) as connection:
            [seen] = await list_lines(connection, AuditFilter(), after=0, limit=10)

    assert seen.action == "second"
    assert await listed(pool, AuditFilter(), after=seen.audit_id) == []
    assert await listed(pool, AuditFilter()) == ["first", "second"]


async def test_a_line_comes_back_as_it_was_written(pool: Pool) -> None:
    line = AuditLine(
        recorded_at=NOW,
        organisation="cs-sotkamo",
        action="persons.fetched",
        outcome="refused",
        request_id="r-2",
        official_id="sotkamo:u-1",
        official_role="caseworker",
        municipality_code="765",
        purpose="client_service",
        client_id=AINO,
        resource_id=ONNI,
        rule_version="pilot/1",
    )

    async with transaction(pool) as connection:
        await append(connection, [line])
        [stored] = await list_lines(connection, AuditFilter(), after=0, limit=1)

    assert {name: getattr(stored, name) for name in line.__struct_fields__} == {
        name: getattr(line, name) for name in line.__struct_fields__
    }


async def test_a_line_goes_with_its_transaction(pool: Pool) -> None:
    async with pool.acquire() as connection:
        act = connection.transaction()
        await act.start()
        await append(connection, LINES)
        await act.rollback()

    assert await listed(pool, AuditFilter()) == []
