"""Properties of judging that hold for every registration, whatever its facts."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from kuntavayla.register import Register, load_register
from routing_api.rules.explaining import client_text, explain, names_of
from routing_api.rules.facts import EarlierClienthood, Facts
from routing_api.rules.gathering import gather
from routing_api.rules.judging import Judgement, judge, verdict_of
from routing_api.rules.registrations import Registration
from routing_api.rules.rule_sets import RuleSet, RuleSets, load_rule_sets
from tests.routing_api.scenarios.cases import (
    RULE_SETS,
    Differing,
    earlier_of,
    registration_of,
)

HOMES = ["765", "205", "091", "837", "297", "588", "235", "478", "197", "198", "200"]
"""Members of areas, an unconfirmed one, one that ends, ones outside, and places abroad."""
PILOT_DAYS = st.dates(date(2021, 3, 1), date(2024, 12, 31))
DAYS = st.one_of(
    st.sampled_from(
        [
            date(2021, 2, 28),
            date(2021, 3, 1),
            date(2021, 5, 31),
            date(2021, 6, 1),
            date(2022, 7, 31),
            date(2022, 8, 1),
            date(2023, 6, 30),
            date(2023, 7, 1),
            date(2024, 12, 31),
            date(2025, 1, 1),
        ]
    ),
    st.dates(date(2021, 1, 1), date(2026, 12, 31)),
)
RESPONSIBLE = ("outcome", "municipality_code", "area_code", "case_system_id")


@cache
def the_register() -> Register:
    return load_register()


@cache
def the_rule_sets() -> RuleSets:
    return load_rule_sets(RULE_SETS)


@cache
def municipality_codes() -> list[str]:
    on = date(2021, 3, 1)
    return [municipality.code for municipality in the_register().municipalities(on=on)]


@st.composite
def cases(draw: st.DrawFn) -> Differing:
    earlier = draw(st.booleans())
    transferred = draw(st.booleans()) and draw(st.booleans())
    home = draw(st.one_of(st.sampled_from(HOMES), st.sampled_from(municipality_codes())))
    return Differing(
        home=home,
        basis=draw(
            st.sampled_from(["population_register"] * 5 + ["residence", "protected", "none"])
        ),
        born=draw(st.dates(date(1930, 1, 1), date(2006, 12, 31))),
        citizenship=tuple(
            draw(st.lists(st.sampled_from(["246", "643", "752", "999", "000", "zzz"]), max_size=4))
        ),
        tongue=draw(st.sampled_from(["fi", "sv", "se", "smn", "sms", "ru", "so", "zz", "yy"])),
        swedish=draw(st.sampled_from(["yes", "no", "unknown"])),
        employment=draw(st.sampled_from(["00", "01", "02", "03", "04", "05", "07", "08", "09"])),
        service=draw(st.sampled_from([None, "0", "1", "06", "01", "20"])),
        entitlement=draw(st.sampled_from(["entitled", "not_entitled", "unknown"])),
        office="te-lappi",
        earlier=earlier,
        transfer_to=draw(st.sampled_from(["205", "091", "297", "235"])) if transferred else None,
        transfer_from=draw(st.dates(date(2021, 5, 1), date(2024, 12, 31))) if transferred else None,
    )


@dataclass(frozen=True)
class Judged:
    facts: Facts
    rule_set: RuleSet
    judgement: Judgement

    @property
    def responsible(self) -> tuple[Any, ...]:
        return tuple(getattr(self.judgement, name) for name in RESPONSIBLE)


def judged(
    case: Differing,
    on: date,
    *,
    registration: Registration | None = None,
    earlier: EarlierClienthood | None = None,
) -> Judged:
    rule_set = the_rule_sets().applicable(effective_on=on, known_on=on)
    facts = gather(
        registration or registration_of(case, on=on),
        born_on=case.born,
        effective_on=on,
        register=the_register(),
        earlier=earlier or earlier_of(case),
        rule_set=rule_set,
    )
    return Judged(facts, rule_set, judge(facts, rule_set=rule_set))


@given(cases(), DAYS)
def test_every_registration_has_exactly_one_outcome_with_what_belongs_to_it(
    case: Differing, on: date
) -> None:
    judgement = judged(case, on).judgement

    is_placed = judgement.outcome == "municipality"
    place = (judgement.municipality_code, judgement.area_code, judgement.case_system_id)
    assert all(place) if is_placed else place == (None, None, None)
    assert (judgement.review_reason is not None) == (judgement.outcome == "review")
    assert bool(judgement.missing_facts) == (judgement.decided_by == "R8")
    assert judgement.te_office_code


@given(cases(), DAYS)
def test_judging_again_or_by_the_stored_facts_gives_the_same(case: Differing, on: date) -> None:
    first = judged(case, on)

    stored = msgspec.json.encode(first.facts)

    assert judged(case, on) == first
    assert judge(msgspec.json.decode(stored, type=Facts), rule_set=first.rule_set) == (
        first.judgement
    )


@given(cases(), DAYS)
def test_the_stored_grounds_alone_tell_the_verdict(case: Differing, on: date) -> None:
    judgement = judged(case, on).judgement

    verdict = verdict_of(judgement.grounds)

    assert verdict.outcome == judgement.outcome
    assert verdict.decided_by == judgement.decided_by
    assert verdict.review_reason == judgement.review_reason
    assert verdict.missing_facts == judgement.missing_facts


@given(cases(), DAYS, st.randoms(use_true_random=False))
def test_neither_the_order_of_citizenships_nor_of_members_matters(
    case: Differing, on: date, shuffling: random.Random
) -> None:
    body = msgspec.to_builtins(registration_of(case, on=on))

    def shuffled(members: dict[str, Any]) -> dict[str, Any]:
        return {
            name: shuffled(members[name]) if isinstance(members[name], dict) else members[name]
            for name in shuffling.sample(list(members), len(members))
        }

    body["person"]["citizenship_codes"] = shuffling.sample(
        body["person"]["citizenship_codes"], len(case.citizenship)
    )
    reordered = msgspec.json.decode(msgspec.json.encode(shuffled(body)), type=Registration)

    assert judged(case, on, registration=reordered) == judged(case, on)


@given(cases(), DAYS)
def test_explaining_lists_exactly_the_rules_in_force_in_their_order(
    case: Differing, on: date
) -> None:
    result = judged(case, on)

    grounds = explain(result.judgement.grounds, facts=result.facts, rule_set=result.rule_set)

    in_force = [
        name
        for name, rule in result.rule_set.rules.items()
        if getattr(rule, "is_on", True) and (rule.in_force_from or date.min) <= on
    ]
    assert [ground.rule for ground in grounds] == in_force
    assert all(ground.facts for ground in grounds)


@given(cases(), DAYS)
def test_nothing_that_stands_before_the_deciding_rule_decides(case: Differing, on: date) -> None:
    result = judged(case, on)

    grounds = explain(result.judgement.grounds, facts=result.facts, rule_set=result.rule_set)

    holding = [ground.rule for ground in grounds if ground.held == "yes"]
    decided_by = result.judgement.decided_by
    if decided_by in ("R8", "R9"):
        assert holding == []
    elif decided_by == "R3b":
        assert holding[0] in ("R3b", "R4", "R5")
    else:
        assert holding[0] == decided_by


@given(cases(), DAYS)
def test_losing_the_entitlement_never_takes_anybody_from_the_municipality(
    case: Differing, on: date
) -> None:
    entitled = judged(structs.replace(case, entitlement="entitled"), on)
    unknown = judged(structs.replace(case, entitlement="unknown"), on)
    not_entitled = judged(structs.replace(case, entitlement="not_entitled"), on)

    if entitled.judgement.outcome == "municipality":
        assert unknown.responsible == entitled.responsible
    if unknown.judgement.outcome == "municipality":
        assert not_entitled.responsible == unknown.responsible


@given(cases(), DAYS, st.sampled_from(["entitlement", "born", "citizenship", "tongue"]))
def test_one_more_ground_never_takes_anybody_from_the_municipality(
    case: Differing, on: date, ground: str
) -> None:
    holding: dict[str, Any] = {
        "entitlement": "not_entitled",
        "born": on - timedelta(days=29 * 365),
        "citizenship": ("643",),
        "tongue": "ru",
    }
    without = judged(case, on)
    with_ground = judged(structs.replace(case, **{ground: holding[ground]}), on)

    if without.judgement.outcome == "municipality":
        assert with_ground.responsible == without.responsible


@given(cases(), PILOT_DAYS, st.integers(1, 20_000))
def test_being_younger_never_takes_anybody_from_the_municipality(
    case: Differing, on: date, days: int
) -> None:
    younger = structs.replace(case, born=min(case.born + timedelta(days=days), on))

    if judged(case, on).judgement.outcome == "municipality":
        assert judged(younger, on).responsible == judged(case, on).responsible


@given(cases(), DAYS)
def test_an_earlier_clienthood_never_takes_anybody_from_the_municipality(
    case: Differing, on: date
) -> None:
    new = judged(structs.replace(case, earlier=False), on)
    earlier = judged(structs.replace(case, earlier=True), on)

    if new.judgement.outcome == "municipality":
        assert earlier.responsible == new.responsible


@given(cases(), PILOT_DAYS)
def test_a_client_stays_with_the_home_municipality_whatever_changes(
    case: Differing, on: date
) -> None:
    client = structs.replace(
        case,
        home="765",
        basis="population_register",
        earlier=True,
        transfer_to=None,
        transfer_from=None,
    )

    result = judged(client, on)

    assert result.judgement.decided_by == "R5"
    assert result.judgement.municipality_code == "765"


@given(cases(), DAYS)
def test_a_wish_for_swedish_never_takes_anybody_to_a_municipality(
    case: Differing, on: date
) -> None:
    without = judged(structs.replace(case, swedish="no"), on)
    with_wish = judged(structs.replace(case, swedish="yes"), on)

    if with_wish.judgement.outcome == "municipality":
        assert without.responsible == with_wish.responsible


@given(
    on=PILOT_DAYS,
    entitlement=st.sampled_from(["entitled", "unknown"]),
    citizenship=st.sampled_from([("246",), ("643", "246"), (), ("999",), ("000", "zzz")]),
    tongue=st.sampled_from(["fi", "sv", "sms", "zz", "yy"]),
)
def test_a_review_asks_for_exactly_the_facts_that_are_missing(
    *, on: date, entitlement: str, citizenship: tuple[str, ...], tongue: str
) -> None:
    base = Differing(citizenship=citizenship, tongue=tongue)
    case = structs.replace(base, entitlement=entitlement)

    judgement = judged(case, on).judgement

    missing = [
        name
        for name, is_missing in [
            ("earnings_related_entitlement", entitlement == "unknown"),
            ("citizenship_codes", "246" not in citizenship),
            ("mother_tongue_code", tongue in ("zz", "yy")),
        ]
        if is_missing
    ]
    assert judgement.missing_facts == tuple(missing)
    assert judgement.decided_by == ("R8" if missing else "R9")


@given(cases(), cases(), st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_from_2025_the_home_municipality_alone_decides(
    one: Differing, other: Differing, on: date
) -> None:
    other = structs.replace(other, home=one.home, basis=one.basis)

    assert judged(one, on).judgement == judged(other, on).judgement


@given(cases(), st.dates(date(2021, 1, 1), date(2021, 2, 28)))
def test_before_the_pilot_everybody_is_with_the_te_office(case: Differing, on: date) -> None:
    judgement = judged(case, on).judgement

    assert (judgement.outcome, judgement.decided_by) == ("te_office", "R1")


@given(cases(), DAYS)
def test_the_address_and_the_office_used_never_decide(case: Differing, on: date) -> None:
    elsewhere = structs.replace(case, residence="091", office="te-uusimaa")

    assert judged(elsewhere, on).responsible == judged(case, on).responsible


@given(cases(), DAYS)
def test_the_client_is_told_no_ground_and_no_code(case: Differing, on: date) -> None:
    result = judged(case, on)

    text = client_text(
        result.judgement,
        rule_set=result.rule_set,
        names=names_of(result.judgement.municipality_code, register=the_register(), on=on),
        effective_on=on,
    )

    for told in (text.fi, text.sv):
        assert told.endswith(".")
        assert "_" not in told
        assert not any(word in told.lower() for word in ("maahanmuut", "vieraskiel", "invandr"))
