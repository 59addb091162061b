"""Personal data leave after their line of the audit is committed, and hold no connection."""

from msgspec import structs
from typing_extensions import override

from kuntavayla.database import Pool
from routing_api.operations.vault import IdentityVault
from routing_api.routes.desk import Desk
from tests.builders import EXAMPLE, a_registration
from tests.routing_api.service import Routing
from tests.served import OFFICIAL

# Looked at when the transaction commits, not when the line is written.
REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'no line may be committed' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
AT_COMMIT = """
CREATE CONSTRAINT TRIGGER refuse_lines AFTER INSERT ON audit
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
"""


class WatchingVault(IdentityVault):
    """A vault that notes how many connections are in use whenever it opens something."""

    def __init__(self, vault: IdentityVault, pool: Pool) -> None:
        self._vault = vault
        self._pool = pool
        self.in_use: list[int] = []

    @override
    def open(self, ciphertext: bytes, *, key_id: str, belongs_to: str) -> bytes:
        self.in_use.append(self._pool.get_size() - self._pool.get_idle_size())
        return self._vault.open(ciphertext, key_id=key_id, belongs_to=belongs_to)


async def test_nothing_is_told_where_the_line_of_the_audit_cannot_be_committed(
    routing: Routing,
) -> None:
    decision = await routing.office().registered(a_registration())
    body = {
        "purpose": "client_service",
        "transfer_ids": [decision["transfer"]["transfer_id"]],
    }
    await routing.fetch(REFUSE)
    await routing.fetch(AT_COMMIT)

    answer = await routing.case_system().post(
        "/persons:fetch", body, headers={"Acting-Official": OFFICIAL}
    )

    assert answer.status_code == 500
    assert EXAMPLE["person"]["family_name"] not in answer.text
    assert EXAMPLE["person"]["identity_code"] not in answer.text


async def test_no_connection_waits_while_ciphertexts_are_opened(routing: Routing) -> None:
    decision = await routing.office().registered(a_registration())
    desk: Desk = routing.app.state.desk
    vault = WatchingVault(desk.law.vault, desk.pool)
    law = structs.replace(desk.law, vault=vault)
    routing.app.state.desk = structs.replace(desk, law=law)

    [item] = await routing.case_system().fetched(decision["transfer"]["transfer_id"])

    assert item["result"] == "disclosed"
    assert vault.in_use == [0, 0]
