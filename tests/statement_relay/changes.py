"""Changes of an item's state as the database sees them: recorded with who acts and what is told."""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator

import asyncpg
from msgspec import Struct

from kuntavayla.testing import TestDatabase

RECORD = """
CREATE TABLE changes (
    ordinal bigint GENERATED ALWAYS AS IDENTITY, transaction_id text, information_id uuid,
    was text, is_now text, who text
);
CREATE TABLE tellings (transaction_id text, body bytea);
CREATE FUNCTION note_change() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO changes (transaction_id, information_id, was, is_now)
    VALUES (pg_current_xact_id()::text, NEW.information_id,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.state ELSE '(new)' END, NEW.state);
    RETURN NULL;
END $$;
CREATE FUNCTION note_telling() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO tellings VALUES (pg_current_xact_id()::text, NEW.body);
    RETURN NULL;
END $$;
CREATE TRIGGER note_new AFTER INSERT ON information FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TRIGGER note_change AFTER UPDATE ON information FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_change();
CREATE TRIGGER note_telling AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION note_telling();
"""
ASCRIBE = "UPDATE changes SET who = $1 WHERE who IS NULL"
RECORDED = """
SELECT c.was, c.is_now, c.who,
       array(SELECT t.body ->> 'type' FROM (
           SELECT transaction_id, convert_from(body, 'UTF8')::json AS body FROM tellings
       ) t WHERE t.transaction_id = c.transaction_id
         AND t.body -> 'data' ->> 'information_id' = c.information_id::text) AS told
FROM changes c ORDER BY c.ordinal
"""


class Change(Struct, frozen=True):
    """A change of state, and who brings it about."""

    was: str
    is_now: str
    who: str


class Recorder:
    """Tells which changes happened, by whom, and what was told of the item in the same commit."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @contextlib.asynccontextmanager
    async def by(self, who: str) -> AsyncIterator[None]:
        """Ascribe what happens inside the block."""
        await self._connection.execute(ASCRIBE, "nobody")
        yield
        await self._connection.execute(ASCRIBE, who)

    async def recorded(self) -> dict[Change, set[tuple[str, ...]]]:
        """Return each change with the events of every time that it happened."""
        found: dict[Change, set[tuple[str, ...]]] = defaultdict(set)
        for row in await self._connection.fetch(RECORDED):
            told = (name.removeprefix("fi.kuntavayla.").removesuffix(".v1") for name in row["told"])
            found[Change(row["was"], row["is_now"], row["who"])].add(tuple(told))
        return dict(found)


@contextlib.asynccontextmanager
async def recording(database: TestDatabase) -> AsyncIterator[Recorder]:
    """Record every change of state in a database inside the block."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(RECORD)
        yield Recorder(connection)
    finally:
        await connection.close()
