"""Stories of statement-relay about one client, each by real calls on the running stack.

Told late, told wrongly, parked and repaired, asked about, delivered late, not relayed; and one
item's whole story.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from kuntavayla.values.calendar import helsinki_instant
from kuntavayla_sandbox.case_systems.information.store import SentItem
from kuntavayla_sandbox.demo.calling import Calls, until
from kuntavayla_sandbox.demo.showing import story_lines, when
from kuntavayla_sandbox.demo.telling import Teller, day, item_of
from kuntavayla_sandbox.demo.told import DECIDES_ITSELF_FROM
from kuntavayla_sandbox.simulators import ANSWER_S_MAX
from kuntavayla_sandbox.stack import RunningStack

OFFICE, OPERATOR, SYSTEM = "te-kainuu", "operator", "cs-sotkamo"
OF_OFFICE = "te-kainuu:u-0001; role=decider; office=te-kainuu"
OF_OPERATOR = "operator:u-0001; role=operator"
OF_SOTKAMO = "sotkamo:u-1042; role=caseworker; municipality=765"
SOTKAMO = "765"
BEFORE_PILOT = timedelta(days=60)
KNOWN_LATE, FLAWED, PARKED, LATE, KEPT = (f"SOT-2021-{number:06d}" for number in range(1, 6))
FOLLOWING = "SOT-2021-000006"
OFFER = "TT-5512008"
Tell = Callable[[str], None]


class RelayStories:
    """Lives through what can happen to information about one client, and tells it."""

    def __init__(self, running: RunningStack, calls: Calls, *, tell: Tell) -> None:
        self._running = running
        self._calls = calls
        self._tell = tell
        self._routing = calls.stack.services["routing-api"]
        self._relay = calls.stack.services["statement-relay"]
        self._teller = Teller(calls, SYSTEM)
        self.flawed = frozenset({FLAWED})
        """What was told wrongly on purpose, by the municipality's ids."""

    async def hold_news_back(self) -> None:
        """Let no news of clients reach statement-relay, as when the way between is broken."""
        await self._hold("pause", {"reason": "Reitti välillä katkaistu harjoitusta varten."})

    async def tell_all(self, client_id: str) -> None:
        """Tell every story of the client; call it when news were held back before they came."""
        client = client_id, SOTKAMO
        await self._known_late(client)
        await self._told_wrongly(client)
        item = await self._parked(client)
        await self._asked(client_id, item)
        await self._late(client)
        await self._not_relayed(client)
        await self._whole_story(item)

    async def _known_late(self, client: tuple[str, str]) -> None:
        facts = {
            "job_offer_id": OFFER,
            "offered_on": day(self._now()),
            "apply_by_on": day(self._now() + timedelta(days=14)),
            "is_duty_to_apply": True,
            "channel": "e_service",
        }
        await self._teller.tell(
            KNOWN_LATE, item_of("JOB_OFFER_MADE", facts, client=client, at=self._now())
        )
        answered = await self._teller.answered(KNOWN_LATE)
        await self._hold("resume", {})
        delivered = await self._teller.outcome(KNOWN_LATE, "delivered")
        self._tell(
            f"3. {SYSTEM} tells of a client before statement-relay has heard of them:"
            f" {answered.accepted_state}. When the news come, the item goes its way:"
            f" {delivered.outcome}, receipt {delivered.receipt_id}."
        )

    async def _told_wrongly(self, client: tuple[str, str]) -> None:
        facts = {"service_code": "20", "started_on": day(self._now()), "planned_ends_on": None}
        wrong = item_of("SERVICE_STARTED", facts, client=client, at=self._now() - BEFORE_PILOT)
        right = item_of("SERVICE_STARTED", facts, client=client, at=self._now())
        await self._teller.tell(FLAWED, wrong)
        refused = await self._teller.answered(FLAWED)
        await self._teller.tell(FOLLOWING, right)
        way = "by its topic" if self._calls.stack.kafka else "over HTTP"
        self._tell(
            f"4. {SYSTEM} tells, {way}, of a day before the pilot, and is answered"
            f" {refused.problem_code}."
        )
        if self._calls.stack.kafka:
            await self._skip_parked_record(client[0])
        following = await self._teller.outcome(FOLLOWING, "delivered")
        self._tell(f"   The item told behind it: {following.outcome}.")

    async def _skip_parked_record(self, client_id: str) -> None:
        url = f"{self._relay}/parked-messages"

        async def ask() -> list[dict[str, Any]] | None:
            query = f"?key={client_id}"
            found = await self._calls.call(OPERATOR, "GET", url + query, official=OF_OPERATOR)
            states = {each["state"] for each in found["items"]}
            return found["items"] if states >= {"parked", "queued"} else None

        parked = await until("a record parked, and one behind it", ask)
        shown = ", ".join(f"{each['reason'] or 'behind it'}: {each['state']}" for each in parked)
        self._tell(f"   The operator sees the records of that client in the topic: {shown}.")
        [first] = [each for each in parked if each["state"] == "parked"]
        skipped = await self._calls.call(
            OPERATOR,
            "POST",
            f"{url}/{first['parked_id']}:skip",
            body={"reason": "Päivä ennen kokeilua; kunta lähettää oikean."},
            key=str(uuid.uuid4()),
            official=OF_OPERATOR,
        )
        self._tell(f"   It is skipped, with the reason on record: {skipped['handled']} record.")

    async def _parked(self, client: tuple[str, str]) -> SentItem:
        now = self._now()
        facts = {
            "job_offer_id": OFFER,
            "offered_on": day(now - timedelta(days=14)),
            "apply_by_on": day(now),
            "result_code": "06",
            "was_duty_to_apply": True,
        }
        document = item_of("JOB_OFFER_NOT_APPLIED", facts, client=client, at=now, is_heard=True)
        await self._turn_knobs(answer="other_digest")
        await self._teller.tell(PARKED, document)
        parked = await self._teller.outcome(PARKED, "parked")
        url = f"{self._relay}/deliveries"
        listed = await self._calls.call(OPERATOR, "GET", f"{url}?state=parked")
        for each in listed["items"]:
            self._tell(
                f"5. {OFFICE} answers with the digest of other bytes. GET /deliveries?state=parked:"
                f" {each['municipal_id']}, {each['code']}, {each['attempts']} attempt."
            )
        await self._turn_knobs()
        await self._calls.call(
            OPERATOR,
            "POST",
            f"{url}/{parked.information_id}:retry",
            body={"reason": "Vastaanottaja korjasi kuittauksensa."},
            official=OF_OPERATOR,
        )
        delivered = await self._teller.outcome(PARKED, "delivered")
        self._tell(
            f"   {OFFICE} has mended it, the operator lets it be tried again:"
            f" {delivered.outcome}, receipt {delivered.receipt_id}."
        )
        return delivered

    async def _asked(self, client_id: str, item: SentItem) -> None:
        today = day(self._now())
        about = {"client_id": client_id, "kind": item.kind, "period": {"starts_on": today}}
        question = {"question_code": "what_happened", "question": "Miksi työtä ei haettu?"}
        url = f"{self._relay}/information-requests"
        asked = await self._calls.call(
            OFFICE,
            "POST",
            url,
            body={"reference": "TE-2021-0001", **about, **question},
            key=str(uuid.uuid4()),
            official=OF_OFFICE,
        )
        one = f"{url}/{asked['information_request_id']}"
        read = await self._calls.call(SYSTEM, "GET", one, official=OF_SOTKAMO)
        answer = {"answer_code": "information_sent", "information_ids": [item.information_id]}
        await self._calls.call(
            SYSTEM, "POST", f"{one}:answer", body=answer, key=one[-36:], official=OF_SOTKAMO
        )
        answered = await self._calls.call(OFFICE, "GET", one, official=OF_OFFICE)
        self._tell(
            f"6. {OFFICE} asks, due {when(read['due_at'])}: {read['question']} {SYSTEM} answers"
            f" {answered['answer_code']}, naming {len(answered['information_ids'])} item."
        )
        statement = {"reference": "TE-2021-0002", **about, "outcome_code": "waiting_period"}
        given = await self._calls.call(
            OFFICE,
            "POST",
            f"{self._relay}/statements",
            body=statement | {"given_on": today, "information_ids": [item.information_id]},
            key=str(uuid.uuid4()),
            official=OF_OFFICE,
        )
        url = f"{self._relay}/statements/{given['statement_id']}"
        seen = await self._calls.call(SYSTEM, "GET", url, official=OF_SOTKAMO)
        self._tell(
            f"   {OFFICE} gives its statement; {SYSTEM} reads it: {seen['outcome_code']},"
            f" given on {seen['given_on']}, on {len(seen['information_ids'])} item."
        )

    async def _late(self, client: tuple[str, str]) -> None:
        pause = {"reason": "Vastaanottaja pyysi taukoa päivityksensä ajaksi."}
        await self._receiver("pause", pause)
        facts = {"service_code": "20", "planned_ends_on": None, "ended_on": day(self._now())}
        facts |= {"result_code": "completed"}
        await self._teller.tell(
            LATE, item_of("SERVICE_ENDED", facts, client=client, at=self._now())
        )
        answered = await self._teller.answered(LATE)
        story = await self._story(answered)
        due_at = datetime.fromisoformat(story["deliver_by_at"])
        self._running.move_clock(due_at + timedelta(hours=1))
        late = await self._teller.overdue(LATE)
        url = f"{self._relay}/information?flag=overdue"
        listed = await self._calls.call(SYSTEM, "GET", url)
        shown = ", ".join(
            f"{each['municipal_id']} ({', '.join(each['flags'])})" for each in listed["items"]
        )
        by_event = "overdue" if late.is_overdue else "in time"
        self._tell(
            f"7. {OFFICE} is paused on its own wish, and the legal clock goes on to"
            f" {when(self._now())}, past {when(due_at)}. By event: {by_event}."
            f" GET /information?flag=overdue: {shown}."
        )
        await self._receiver("resume", {})
        delivered = await self._teller.outcome(LATE, "delivered")
        self._tell(f"   The pause ends: {delivered.outcome}, receipt {delivered.receipt_id}.")

    async def _not_relayed(self, client: tuple[str, str]) -> None:
        begins_at = helsinki_instant(DECIDES_ITSELF_FROM + timedelta(days=2), 9, 0)
        self._running.move_clock(begins_at)
        facts = {
            "employment_form": "open_market",
            "working_time": "full_time",
            "weekly_hours_hundredths": 3_750,
            "is_fixed_term": False,
            "told_by": "client",
        }
        await self._teller.tell(
            KEPT, item_of("EMPLOYMENT_STARTED", facts, client=client, at=begins_at)
        )
        answered = await self._teller.answered(KEPT)
        issuer = (await self._story(answered))["issuer"]
        self._tell(
            f"8. {when(begins_at)}: the client begins to work. {answered.accepted_state}: the"
            f" statement is of the {issuer['authority']} by {issuer['rule']} since"
            f" {issuer['from_on']}."
        )

    async def _whole_story(self, item: SentItem) -> None:
        self._tell(f"9. The whole story of {item.municipal_id}, as GET /information/{{id}} has it:")
        for line in story_lines(await self._story(item)):
            self._tell(f"   {line}")

    async def _story(self, item: SentItem) -> dict[str, Any]:
        url = f"{self._relay}/information/{item.information_id}"
        return await self._calls.call(SYSTEM, "GET", url)

    async def _hold(self, act: str, body: dict[str, str]) -> None:
        url = f"{self._routing}/recipients/internal:{act}"
        await self._calls.call(OPERATOR, "POST", url, body=body, official=OF_OPERATOR)

    async def _receiver(self, act: str, body: dict[str, str]) -> None:
        url = f"{self._relay}/receivers/{OFFICE}:{act}"
        await self._calls.call(OPERATOR, "POST", url, body=body, official=OF_OPERATOR)

    async def _turn_knobs(self, **knobs: object) -> None:
        url = f"{self._calls.stack.simulators['te-office']}/knobs/{OFFICE}"
        answer = await self._calls.client.put(url, json=knobs, timeout=ANSWER_S_MAX)
        answer.raise_for_status()

    def _now(self) -> datetime:
        return self._running.clock()
