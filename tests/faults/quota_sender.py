"""Case systems that decide and act on their decisions, one by one and in bulk."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tests.faults.quota_caller import Answer, Asked, QuotaCaller
from tests.faults.quota_items import (
    CENTS_MAX,
    CENTS_MIN,
    PLACES,
    Place,
    Sent,
    lines_of,
    new_decision,
)

PAUSE_S_MAX = 0.15
BULK_PAUSE_S_MAX = 0.8
BULK_LINES_MAX = 30
SINGLES = 2
"""So many senders of single decisions each place has."""
ABANDONED_EVERY = 4
"""Of each fourth single decision the first call is the only one, answered or not, until the end."""
TWICE_SHARE = 0.1
"""So many lines of a bulk call stand in it twice."""
TAKEN_UP_SHARE = 0.4
"""So often a sender goes on with a decision that was left before."""
EXPIRED = frozenset({"decision_state_refuses", "version_differs"})
ACTS = {
    "reserved": ("change", "grant", "grant", "grant", "cancel", "refuse", "leave"),
    "granted": ("change", "cancel", "leave"),
}
STATES = {"grant": "granted", "cancel": "ended", "refuse": "ended", "leave": "left"}
REASONS = {"cancel": "applicant_withdrew", "refuse": "conditions_not_met"}


class DecisionSender:
    """Lets decisions be made until told to finish."""

    def __init__(self, caller: QuotaCaller) -> None:
        self.caller = caller
        self.sent: dict[str, Sent] = {}
        self._left: dict[Place, list[Sent]] = {place: [] for place in PLACES}
        self._numbers = itertools.count(1)
        self._singles = itertools.count(1)
        self._is_finishing = asyncio.Event()

    @property
    def is_finishing(self) -> bool:
        """Say whether nothing new shall begin."""
        return self._is_finishing.is_set()

    def finish(self) -> None:
        """Begin nothing new; what was begun is sent to its end."""
        self._is_finishing.set()

    def of_outcome(self, outcome: str) -> list[Sent]:
        """Return the decisions that were answered so."""
        return [each for each in self.sent.values() if each.outcome == outcome]

    async def run(self) -> None:
        """Send until `finish` was called and everything is answered."""
        async with asyncio.TaskGroup() as group:
            for place in PLACES:
                group.create_task(self._repeated(self._send_bulk, place, BULK_PAUSE_S_MAX))
                for _ in range(SINGLES):
                    group.create_task(self._repeated(self._live, place, PAUSE_S_MAX))

    async def _repeated(
        self, act: Callable[[Place], Awaitable[None]], place: Place, pause_s: float
    ) -> None:
        while not self.is_finishing:
            await act(place)
            await self.caller.pause(pause_s)

    def _new(self, place: Place) -> Sent:
        number = next(self._numbers)
        sent = new_decision(place, number, self.caller.rng, today=self.caller.site.today)
        self.sent[sent.municipal_id] = sent
        return sent

    async def _live(self, place: Place) -> None:
        """Decide, and act on the decision until it has ended or nobody minds it any more.

        Now and then it is one that was left before, whose reservation may have expired by now.
        """
        if self._left[place] and self.caller.rng.random() < TAKEN_UP_SHARE:
            await self._act_on(self._left[place].pop(), rng=self.caller.rng)
            return
        sent = self._new(place)
        if next(self._singles) % ABANDONED_EVERY == 0:
            sent.is_abandoned = True
            answer = await self.caller.once(_decide(sent), number=self.caller.rng.randrange(3))
            self._take(sent, answer)
            return
        self._take(sent, await self.caller.answered(_decide(sent)))
        if sent.outcome == "reserved":
            await self._act_on(sent, rng=self.caller.rng)

    async def _act_on(self, sent: Sent, *, rng: random.Random) -> None:
        state = "reserved"
        while state in ACTS and not sent.is_lost:
            action = rng.choice(ACTS[state])
            if action != "leave":
                await self._act(sent, action)
            elif state == "reserved":
                self._left[sent.place].append(sent)
            state = STATES.get(action, state)

    async def _act(self, sent: Sent, action: str) -> None:
        caller = self.caller
        body: dict[str, Any] = {"acting_official": sent.place.official}
        if action == "change":
            cents = caller.rng.randint(CENTS_MIN, CENTS_MAX)
            changed = sent.body | {"unit_cost_cents": cents}
            body |= {"decision": changed, "reason_code": "facts_corrected"}
        elif action in REASONS:
            body["reason_code"] = REASONS[action]
        answer = await caller.answered(
            Asked(
                organisation=sent.place.case_system_id,
                path=f"/decisions/{sent.decision_id}:{action}",
                body=msgspec.json.encode(body),
                headers={"Idempotency-Key": caller.key(), "If-Match": f'"{sent.version}"'},
            )
        )
        is_done = self._acted(sent, action, answer)
        if is_done and action == "change":
            sent.cents, sent.body = body["decision"]["unit_cost_cents"], body["decision"]

    def _acted(self, sent: Sent, action: str, answer: Answer) -> bool:
        """Keep what came of an act; say whether it was done."""
        is_done = bool(answer.status == 200 and answer.body["outcome"] == "done")
        if is_done:
            sent.acts[action] += 1
            sent.version += 1
            if answer.body["version"] != sent.version:
                self.caller.complaints.append(f"{sent.municipal_id} is {answer.body['version']}")
        elif answer.status == 200:
            sent.acts[f"{action} refused"] += 1
        elif answer.code in EXPIRED:
            sent.is_lost = True
        elif answer.code != "change_below_paid":
            self.caller.complaints.append(f"{sent.municipal_id} {action} answered {answer}")
        return is_done

    def _take(self, sent: Sent, answer: Answer | None) -> None:
        if answer is None:
            return
        if answer.status == 201:
            sent.answers.append(answer.body)
        else:
            self.caller.complaints.append(f"{sent.municipal_id} answered {answer}")

    async def _send_bulk(self, place: Place) -> None:
        rng = self.caller.rng
        lines = [self._new(place) for _ in range(rng.randint(1, BULK_LINES_MAX))]
        lines += [each for each in lines if rng.random() < TWICE_SHARE]
        answer = await self.caller.answered(
            Asked(
                organisation=place.case_system_id,
                path="/decisions:bulk",
                body=lines_of([each.body for each in lines]),
            )
        )
        if answer.status != 200:
            self.caller.complaints.append(f"a bulk call answered {answer}")
            return
        for sent, line in zip(lines, answer.body, strict=False):
            self._take(sent, Answer(line["status"], line.get("result") or line.get("problem")))
        reserved = {each.municipal_id: each for each in lines if each.outcome == "reserved"}
        self._left[place] += reserved.values()

    async def ask_again(self) -> list[str]:
        """Repeat each decision that was let go unanswered; return those that were."""
        left = [each for each in self.sent.values() if not each.answers]
        for sent in left:
            self._take(sent, await self.caller.answered(_decide(sent)))
        return [each.municipal_id for each in left]


def _decide(sent: Sent) -> Asked:
    return Asked(
        organisation=sent.place.case_system_id,
        path="/decisions",
        body=msgspec.json.encode(sent.body),
        headers={"Idempotency-Key": sent.municipal_id},
    )
