from datetime import date
from importlib.resources import files

import msgspec
import pytest

from kuntavayla.register import RegisterChange, load_register
from kuntavayla_sandbox.expectation import Confirmation, born_on, expect, load_memberships
from kuntavayla_sandbox.population import generate
from routing_api.rules.facts import EarlierClienthood
from routing_api.rules.gathering import gather
from routing_api.rules.judging import judge
from routing_api.rules.registrations import Registration
from routing_api.rules.rule_sets import load_rule_sets

DECODER = msgspec.json.Decoder(Registration)
RULE_SETS = load_rule_sets(files("routing_api") / "data" / "rule_sets")
PUBLISHED = load_register()
CONFIRMED = PUBLISHED.with_changes(
    [
        RegisterChange(
            change_id="sandbox",
            kind="confirm_memberships",
            municipality_codes=tuple(
                row.municipality_code for row in PUBLISHED.unconfirmed(on=date(2021, 3, 1))
            ),
            reason="confirmed for the sandbox",
            recorded_on=date(2021, 2, 1),
        )
    ]
)
REGISTERS = {Confirmation.ALL: CONFIRMED, Confirmation.AS_PUBLISHED: PUBLISHED}
DAYS = [date(2021, 2, 28), date(2021, 3, 1), date(2023, 7, 1), date(2024, 12, 31), date(2025, 1, 1)]


@pytest.mark.parametrize("confirmed", Confirmation, ids=lambda confirmed: confirmed.value)
@pytest.mark.parametrize("on", DAYS, ids=str)
def test_two_readings_of_the_law_agree_on_every_person(on: date, confirmed: Confirmation) -> None:
    memberships = load_memberships(confirmed=confirmed)
    rule_set = RULE_SETS.applicable(effective_on=on, known_on=on)

    for line in generate(4_500, seed=11, legal_date=on):
        registration = DECODER.decode(line)
        facts = gather(
            registration,
            born_on=born_on(registration.person.identity_code),
            effective_on=on,
            register=REGISTERS[confirmed],
            earlier=EarlierClienthood(),
            rule_set=rule_set,
        )
        judgement, expected = judge(facts, rule_set=rule_set), expect(line, memberships=memberships)

        assert (judgement.outcome, judgement.decided_by) == expected[1:3]
        if judgement.outcome == "municipality":
            assert judgement.municipality_code == expected.municipality_code
            assert judgement.area_code == expected.area_code
            assert judgement.case_system_id == expected.case_system_id
