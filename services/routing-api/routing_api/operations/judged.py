"""A registration judged: its facts and the judgement, by one register and one rule set."""

from datetime import date

from msgspec import Struct

from kuntavayla.register import Register
from routing_api.rules.facts import EarlierClienthood, Facts
from routing_api.rules.gathering import gather
from routing_api.rules.judging import Judgement, judge
from routing_api.rules.registrations import Registration
from routing_api.rules.rule_sets import RuleSet

FIRST_ENTRY = EarlierClienthood()


class Judged(Struct, frozen=True):
    """What a registration came to, and by what it was judged."""

    register: Register
    rule_set: RuleSet
    facts: Facts
    judgement: Judgement

    def holds_for(self, *, register: Register, rule_set: RuleSet) -> bool:
        """Say whether judging by these would give the same."""
        return self.register is register and self.rule_set is rule_set


def judge_registration(
    registration: Registration,
    *,
    born_on: date,
    effective_on: date,
    register: Register,
    rule_set: RuleSet,
    earlier: EarlierClienthood = FIRST_ENTRY,
) -> Judged:
    """Gather the facts of a registration and judge them; a first entry unless told otherwise."""
    facts = gather(
        registration,
        born_on=born_on,
        effective_on=effective_on,
        register=register,
        earlier=earlier,
        rule_set=rule_set,
    )
    return Judged(register, rule_set, facts, judge(facts, rule_set=rule_set))
