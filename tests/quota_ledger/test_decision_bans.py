"""A security ban that is set or lifted after the decision: who finds it, and who is told where."""

import pytest

from tests.quota_ledger.acts import acted
from tests.quota_ledger.decided import a_decision, decided, give, know_clients, sender
from tests.quota_ledger.paid import a_payment, keha, report
from tests.quota_ledger.responsibles import CLIENT, responsible
from tests.quota_ledger.service import Caller, Ledger

LATER = "000001.000000000000000002"
"""A sequence behind that of the client's first version."""


async def learn_of(ledger: Ledger, *, is_restricted: bool) -> None:
    """Let the ban of the client be set, or lifted, as routing-api tells it."""
    version = responsible(is_restricted=is_restricted, sequence=LATER, clienthood_version=2)
    await ledger.learn(version)


async def told_since(ledger: Ledger, count: int) -> set[str]:
    """Return the channels on which the case system was told of the decision's later course."""
    told = [one for one in await ledger.outbox("cs-sotkamo") if one[1] != "quota.threshold_reached"]
    assert len(told) > count
    return {channel for channel, _, _ in told[count:]}


async def found_by(caller: Caller, decision_id: str) -> tuple[int, int, int]:
    """Return how a decision is read, and how many decisions and payments are listed."""
    one = await caller.get(f"/decisions/{decision_id}")
    listed = await caller.get("/decisions", params={"client_id": CLIENT})
    paid = await caller.get("/payments", params={"decision_id": decision_id})
    return one.status_code, len(listed.json()["items"]), len(paid.json()["items"])


@pytest.mark.parametrize(
    ("is_restricted", "channel"), [(True, "restricted"), (False, "common")], ids=["set", "lifted"]
)
async def test_a_ban_holds_for_what_was_decided_before(
    ledger: Ledger,
    is_restricted: bool,  # noqa: FBT001
    channel: str,
) -> None:
    await ledger.learn(responsible(is_restricted=not is_restricted))
    await give(ledger, cents=5_000_000)
    trusted = sender(ledger, "cs-sotkamo", "payments.read", "events.restricted")
    made = await decided(trusted, a_decision())
    before = len(await ledger.outbox("cs-sotkamo"))

    await learn_of(ledger, is_restricted=is_restricted)
    await acted(trusted, made, "grant")
    await report(ledger, a_payment(made["decision_id"], paid_on="2021-08-24"))
    await acted(trusted, made, "cancel", version=2)

    assert await told_since(ledger, before) == {channel}
    plain = sender(ledger, "cs-sotkamo", "payments.read")
    expected = (404, 0, 0) if is_restricted else (200, 1, 1)
    assert await found_by(plain, made["decision_id"]) == expected
    assert await found_by(trusted, made["decision_id"]) == (200, 1, 1)
    assert (await keha(ledger).get("/payments")).json()["items"]


async def test_a_ban_set_later_keeps_warning_and_end_on_the_restricted_feed(
    ledger: Ledger,
) -> None:
    await know_clients(ledger)
    await give(ledger, cents=5_000_000)
    made = await decided(sender(ledger), a_decision())
    await learn_of(ledger, is_restricted=True)
    [row] = await ledger.fetch("SELECT is_restricted FROM decisions")

    await acted(sender(ledger), made, "refuse")

    assert row["is_restricted"]
    told = [(channel, kind) for channel, kind, _ in await ledger.outbox("cs-sotkamo")]
    assert ("restricted", "decision.released") in told
    assert ("common", "decision.released") not in told


async def test_who_decided_acts_on_the_own_decision_without_the_scope(ledger: Ledger) -> None:
    await ledger.learn(responsible(is_restricted=True))
    await give(ledger, cents=5_000_000)
    made = await decided(sender(ledger), a_decision())

    verdict = await acted(sender(ledger), made, "grant")

    assert verdict["state"] == "granted"
    read = await sender(ledger).get(f"/decisions/{made['decision_id']}")
    assert read.status_code == 404
