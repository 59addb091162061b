import re

from kuntavayla.database import open_pool, transaction
from statement_relay.store import requests
from tests.statement_relay.service import Relay

FILL = """
INSERT INTO information_requests
    (information_request_id, organisation, reference, fingerprint, client_id, te_office_code,
     case_system_id, municipality_code, starts_on, question_code, question, asked_at, remind_at,
     due_at, state, answered_at, answer_code, answer_fingerprint, information_ids)
SELECT gen_random_uuid(), 'te-national', n::text, '', gen_random_uuid(), 'te-' || n % 15,
       'cs-' || n % 31, '765', '2021-03-01', 'other', '…', now(), now(), now(),
       CASE WHEN n > 20 THEN 'answered' ELSE 'open' END, CASE WHEN n > 20 THEN now() END,
       CASE WHEN n > 20 THEN 'nothing_to_tell' END, CASE WHEN n > 20 THEN ''::bytea END, '{}'
FROM generate_series(1, 5000) AS n
"""
NIL = "'00000000-0000-0000-0000-000000000000'"
LISTED = ("text, uuid, text, timestamptz, bool, int8", f"'te-7', {NIL}, NULL, NULL, true, 100")
TAKEN = ("timestamptz, int8", "'2021-03-20T06:00:00Z', 500")
WATCHED = {
    requests.LIST_OF_OFFICE: (*LISTED, "ix_information_requests_office"),
    requests.LIST_OF_SYSTEM: (*LISTED, "ix_information_requests_system"),
    requests.TAKE_TO_REMIND: (*TAKEN, "ix_information_requests_to_remind"),
    requests.TAKE_OVERDUE: (*TAKEN, "ix_information_requests_due"),
}


async def test_each_question_is_found_by_its_own_index_however_many_there_ever_were(
    relay: Relay,
) -> None:
    pool = await open_pool(relay.database.url, connections_max=1)
    async with transaction(pool) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for number, (sql, (types, nothing, _)) in enumerate(WATCHED.items()):
            await connection.execute(f"PREPARE watched_{number} ({types}) AS {sql}")
            await connection.execute(f"EXECUTE watched_{number} ({nothing})")
    await relay.fetch(FILL)
    await relay.fetch("ANALYZE information_requests")

    read = []
    async with transaction(pool) as connection:
        for number, (_, nothing, _) in enumerate(WATCHED.values()):
            rows = await connection.fetch(f"EXPLAIN EXECUTE watched_{number} ({nothing})")
            read += re.findall(r"(?:Scan using|Scan on) (ix_\w+)", "\n".join(map(str, rows)))
    await pool.close()

    assert read == [index for _, _, index in WATCHED.values()]
