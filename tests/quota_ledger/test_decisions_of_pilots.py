"""From 2025 the employment areas serve the pilots' municipalities: decisions go on with them."""

from datetime import UTC, datetime

import pytest

from tests.quota_ledger.acts import act, acted
from tests.quota_ledger.decided import a_decision, decided, give, know_clients, sender
from tests.quota_ledger.paid import a_payment, report
from tests.quota_ledger.responsibles import responsible
from tests.quota_ledger.service import Ledger
from tests.served import Json

NEW_YEAR = datetime(2025, 1, 10, 8, tzinfo=UTC)
NEW_AREA = "cs-ta10"
"""Who serves Sotkamo from 2025."""


async def of_the_last_year(ledger: Ledger) -> Json:
    """Return a decision of a pilot's last days; it is the tenth of January 2025."""
    await know_clients(ledger)
    await give(ledger, cents=5_000_000, year=2024)
    ledger.clock.now = datetime(2024, 12, 20, 8, tzinfo=UTC)
    period = {"starts_on": "2025-01-01", "ends_on": "2025-10-31"}
    body = a_decision(decided_on="2024-12-20", budget_year=2024, period=period)
    made = await decided(sender(ledger), body)
    assert made["outcome"] == "reserved", made
    ledger.clock.now = NEW_YEAR
    return made


async def kinds_told(ledger: Ledger, recipient: str) -> set[str]:
    return {kind for _, kind, _ in await ledger.outbox(recipient) if kind[:9] != "quota.thr"}


async def test_who_serves_the_municipality_now_reads_acts_and_is_told(ledger: Ledger) -> None:
    made = await of_the_last_year(ledger)
    caller = sender(ledger, NEW_AREA, "payments.read")

    granted = await acted(caller, made, "grant")
    await report(ledger, a_payment(made["decision_id"], month="2025-01", paid_on="2025-01-09"))
    ended = await acted(caller, made, "end", version=2, last_on="2025-02-28")

    assert (granted["state"], ended["state"]) == ("granted", "ended")
    read = (await caller.get(f"/decisions/{made['decision_id']}")).json()
    listed = (await caller.get("/decisions")).json()["items"]
    paid = (await caller.get("/payments")).json()["items"]
    assert read["state"] == "ended"
    assert [one["decision_id"] for one in listed] == [made["decision_id"]]
    assert [one["decision_id"] for one in paid] == [made["decision_id"]]
    told = await kinds_told(ledger, NEW_AREA)
    expected = {"decision.granted", "decision.changed", "decision.released", "payment.booked"}
    assert expected <= told
    assert not await kinds_told(ledger, "cs-sotkamo") & {"decision.granted", "payment.booked"}


@pytest.mark.parametrize(
    ("organisation", "code", "status"), [("cs-sotkamo", "765", 403), ("cs-ta11", "245", 404)]
)
async def test_who_serves_it_no_longer_acts_no_more(
    ledger: Ledger, organisation: str, code: str, *, status: int
) -> None:
    made = await of_the_last_year(ledger)
    official = {"official_id": "u-1", "role": "decider", "municipality_code": code}

    answer = await act(sender(ledger, organisation), made, "grant", acting_official=official)

    assert answer.status_code == status, answer.text
    [row] = await ledger.fetch("SELECT state FROM decisions")
    assert row["state"] == "reserved"


async def test_a_ban_hides_it_from_who_lacks_the_scope(ledger: Ledger) -> None:
    made = await of_the_last_year(ledger)
    later = responsible(
        is_restricted=True, sequence="000001.000000000000000002", clienthood_version=2
    )
    await ledger.learn(later)

    hidden = await act(sender(ledger, NEW_AREA), made, "grant")
    seen = await act(sender(ledger, NEW_AREA, "events.restricted"), made, "grant")

    assert hidden.status_code == 404
    assert (seen.status_code, seen.json()["state"]) == (200, "granted")
