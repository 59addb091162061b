"""A list of Helsinki's size: every statement stays one statement, and the answer stays bounded."""

from uuid import UUID

from tests.builders import ndjson
from tests.routing_api.service import Routing
from tests.served import Json

HELSINKI = 50_000
SEED = """
WITH made AS (
    SELECT md5('client' || n)::uuid AS client_id, md5('transfer' || n)::uuid AS transfer_id,
           md5('decision' || n)::uuid AS decision_id, n
    FROM generate_series(1, $1::int) AS n
), of_clients AS (
    INSERT INTO clients (client_id, lookup_a, lookup_b, identity_ciphertext, identity_key_id,
        version, authority, municipality_code, area_code, case_system_id, te_office_code,
        transfer_id, decision_id, registration_id, newest_effective_on, is_restricted, valid_from,
        created_at)
    SELECT client_id, decode(md5('a' || n), 'hex'), decode(md5('b' || n), 'hex'), '', 'k1', 1,
        'municipality', '091', '1', 'cs-helsinki', 'te-uusimaa', transfer_id, decision_id,
        decision_id, '2021-03-01', false, '2021-03-01', '2021-03-01'
    FROM made
), of_clienthoods AS (
    INSERT INTO clienthoods (client_id, version, authority, municipality_code, area_code,
        case_system_id, te_office_code, decision_id, valid_from)
    SELECT client_id, 1, 'municipality', '091', '1', 'cs-helsinki', 'te-uusimaa', decision_id,
        '2021-03-01'
    FROM made
), of_outbox AS (
    INSERT INTO outbox (position, epoch, event_id, recipient, channel, subject, body)
    SELECT n, 1, md5('event' || n)::uuid, 'cs-helsinki', 'common', client_id, '{}' FROM made
)
INSERT INTO transfers (transfer_id, client_id, clienthood_version, registration_id, case_system_id,
    municipality_code, area_code, te_office_code, cause, effective_on, is_restricted, state,
    offered_at, acknowledge_due_at, notice_due_on)
SELECT transfer_id, client_id, 1, decision_id, 'cs-helsinki', '091', '1', 'te-uusimaa',
    'first_entry', '2021-03-01', false, 'offered', '2021-03-01', '2021-03-15', '2021-03-08'
FROM made
RETURNING client_id::text
"""


async def reconciled(routing: Routing, client_ids: list[str], *, version: int = 1) -> Json:
    lines = [{"client_id": each, "clienthood_version": version} for each in client_ids]
    answer = await routing.case_system("cs-helsinki").post(
        "/reconciliations",
        ndjson(*lines),
        params={"count": len(lines)},
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_lists_of_the_largest_size_are_compared_in_one_call(routing: Routing) -> None:
    held = [row["client_id"] for row in await routing.fetch(SEED, HELSINKI)]
    strangers = [str(UUID(int=number)) for number in range(1, HELSINKI + 1)]

    equal = await reconciled(routing, held)
    nothing = await reconciled(routing, [])
    everything_wrong = await reconciled(routing, [*held, *strangers], version=2)

    assert (equal["is_equal"], equal["matched"]) == (True, HELSINKI)
    assert (nothing["missing"], nothing["our_count"]) == (HELSINKI, HELSINKI)
    assert [len(each["event_ids"]) for each in nothing["differences"]] == [1] * 1_000
    assert (everything_wrong["unknown"], everything_wrong["version_differs"]) == (
        HELSINKI,
        HELSINKI,
    )
    assert len(everything_wrong["differences"]) == 1_000
