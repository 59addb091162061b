from datetime import date

import msgspec

from kuntavayla.register import load_register
from routing_api.rules.explaining import Ground, client_text, explain, names_of
from routing_api.rules.facts import EarlierClienthood, Facts
from routing_api.rules.gathering import gather, with_home
from routing_api.rules.judging import judge
from routing_api.rules.registrations import Registration
from routing_api.rules.rule_sets import load_rule_sets
from tests.routing_api.scenarios.cases import RULE_SETS

FIRST_DAY = date(2021, 3, 1)
REGISTRATION = b"""
{"source":{"system":"ura","registration_id":"URA-R-0300417","client_number":"URA-C-0088123"},
 "registered_at":"2021-03-01T08:01:50+02:00","effective_on":"2021-03-01","te_office_code":"te-kainuu",
 "person":{"identity_code":"240587-921N","family_name":"Esimerkki","given_names":"Aino Testi",
  "home_municipality_code":"765","home_municipality_basis":"population_register",
  "residence_municipality_code":"765","citizenship_codes":["246"],"mother_tongue_code":"fi",
  "service_language_code":"fi","has_interpreter_need":false,"has_security_ban":false,
  "contact":{"email":"aino.esimerkki@example.org","phone":null,
   "address":{"street":"Esimerkkitie 1","postal_code":"88600","post_office":"SOTKAMO"}}},
 "situation":{"employment_code":"02","employment_code_since_on":"2020-02-17",
  "unemployed_since_on":"2020-02-17","service_code":null,
  "earnings_related_entitlement":"not_entitled","entitlement_checked_on":"2021-02-26",
  "service_line_code":"03","wants_service_in_swedish":"no"},
 "plans":[{"kind_code":"01","made_on":"2020-11-12","review_due_on":"2021-05-12"}]}
"""
GROUNDS = b"""
[{"rule":"R1","code":"before_pilot","held":"no","source":"Act 1269/2020",
  "facts":{"effective_on":"2021-03-01"}},
 {"rule":"R3c","code":"home_protected","held":"no","source":"design",
  "facts":{"home_municipality_basis":"population_register"}},
 {"rule":"R3","code":"home_municipality_outside_areas","held":"no",
  "source":"Act 1269/2020; Kainuu 2021","facts":{"home_municipality_code":"765"}},
 {"rule":"R5","code":"earlier_clienthood","held":"no","source":"Helsinki 2021; Keuruu 2021",
  "facts":{"has_earlier_clienthood":"no"}},
 {"rule":"R6","code":"situation_outside","held":"no","source":"Kainuu 2021; Helsinki 2021",
  "facts":{"employment_code":"02"}},
 {"rule":"R6b","code":"education_not_a_service","held":"no","source":"assumed",
  "facts":{"employment_code":"02"}},
 {"rule":"R3b","code":"municipality_not_valid","held":"no","source":"register",
  "facts":{"membership_status":"confirmed"}},
 {"rule":"X2","code":"swedish_service","held":"no","source":"TYJ",
  "facts":{"wants_service_in_swedish":"no"}},
 {"rule":"R7a","code":"no_earnings_related_allowance","held":"yes",
  "source":"K2019; Kainuu 2021","facts":{"earnings_related_entitlement":"not_entitled"}},
 {"rule":"R7b","code":"under_30","held":"no","source":"Kainuu 2021",
  "facts":{"age_years":33,"turns_30_on":"2017-05-24"}},
 {"rule":"R7c","code":"immigrant","held":"no","source":"Kainuu 2021",
  "facts":{"has_finnish_citizenship":"yes"}},
 {"rule":"R7d","code":"foreign_language","held":"no","source":"Kainuu 2021",
  "facts":{"mother_tongue_group":"domestic"}}]
"""


def example_facts(on: date) -> Facts:
    return gather(
        msgspec.json.decode(REGISTRATION, type=Registration),
        born_on=date(1987, 5, 24),
        effective_on=on,
        register=load_register(),
        earlier=EarlierClienthood(),
        rule_set=load_rule_sets(RULE_SETS).applicable(effective_on=on, known_on=on),
    )


def test_the_published_example_is_explained_to_the_letter() -> None:
    rule_set = load_rule_sets(RULE_SETS).find("pilot", "1")
    facts = example_facts(FIRST_DAY)

    judgement = judge(facts, rule_set=rule_set)

    assert judgement.outcome == "municipality"
    assert judgement.decided_by == "R7a"
    assert judgement.municipality_code == "765"
    assert judgement.area_code == "kainuu"
    assert judgement.case_system_id == "cs-sotkamo"
    assert judgement.te_office_code == "te-kainuu"
    grounds = explain(judgement.grounds, facts=facts, rule_set=rule_set)
    assert msgspec.to_builtins(grounds) == msgspec.json.decode(GROUNDS)


def test_the_published_example_tells_the_client_to_the_letter() -> None:
    rule_set = load_rule_sets(RULE_SETS).find("pilot", "1")
    judgement = judge(example_facts(FIRST_DAY), rule_set=rule_set)

    text = client_text(
        judgement,
        rule_set=rule_set,
        names=names_of("765", register=load_register(), on=FIRST_DAY),
        effective_on=FIRST_DAY,
    )

    assert text.fi == (
        "Kotikuntasi Sotkamo vastaa sinulle tarjottavista työllisyyspalveluista 1.3.2021 alkaen."
    )
    assert text.sv == (
        "Din hemkommun Sotkamo ansvarar för din sysselsättningsservice från och med 1.3.2021."
    )


def test_grounds_stay_explained_after_the_facts_are_erased() -> None:
    rule_set = load_rule_sets(RULE_SETS).find("pilot", "1")
    facts = example_facts(FIRST_DAY)
    grounds = judge(facts, rule_set=rule_set).grounds

    erased = explain(grounds, facts=None, rule_set=rule_set)

    with_facts = explain(grounds, facts=facts, rule_set=rule_set)
    assert [(ground.rule, ground.code, ground.held, ground.source) for ground in erased] == [
        (ground.rule, ground.code, ground.held, ground.source) for ground in with_facts
    ]
    assert erased == [
        Ground(ground.rule, ground.code, ground.held, ground.source, {}) for ground in with_facts
    ]


def test_stored_facts_hold_nothing_that_names_the_person() -> None:
    stored = msgspec.json.encode(example_facts(FIRST_DAY)).decode()

    for text in ("240587", "921N", "Esimerkki", "Aino", "example.org", "88600", "1987", "246"):
        assert text not in stored


def test_from_2025_neither_situation_nor_origin_is_gathered() -> None:
    stored = msgspec.json.encode(example_facts(date(2025, 1, 1)))

    assert msgspec.json.decode(stored) == {
        "effective_on": "2025-01-01",
        "home_municipality_basis": "population_register",
        "membership_status": "official",
        "te_office_code": "te-kainuu",
        "home_municipality_code": "765",
        "area_code": "ta10",
        "case_system_id": "cs-ta10",
    }


def test_from_2025_the_client_is_told_the_employment_area() -> None:
    on = date(2025, 1, 1)
    rule_set = load_rule_sets(RULE_SETS).applicable(effective_on=on, known_on=on)
    judgement = judge(example_facts(on), rule_set=rule_set)

    names = names_of("765", register=load_register(), on=on)
    text = client_text(judgement, rule_set=rule_set, names=names, effective_on=on)

    assert text.fi == (
        "Työllisyysalueesi Kainuu-Koillismaa vastaa sinulle tarjottavista työvoimapalveluista "
        "1.1.2025 alkaen."
    )
    assert text.sv == (
        "Ditt sysselsättningsområde Kajanaland-Nordostlandet ansvarar för din arbetskraftsservice "
        "från och med 1.1.2025."
    )


def test_a_home_municipality_that_a_review_has_cleared_up_is_judged_like_a_given_one() -> None:
    rule_set = load_rule_sets(RULE_SETS).find("pilot", "1")
    given = example_facts(FIRST_DAY)
    hidden = msgspec.structs.replace(
        given,
        home_municipality_basis="protected",
        home_municipality_code=None,
        membership_status="hidden",
        area_code=None,
        case_system_id=None,
        municipality_language_status=None,
    )
    assert judge(hidden, rule_set=rule_set).decided_by == "R3c"

    cleared = with_home(hidden, "765", register=load_register(), rule_set=rule_set)

    assert cleared == given


def test_a_home_municipality_cleared_up_as_abroad_is_abroad() -> None:
    rule_set = load_rule_sets(RULE_SETS).find("pilot", "1")

    cleared = with_home(
        example_facts(FIRST_DAY), "198", register=load_register(), rule_set=rule_set
    )

    judgement = judge(cleared, rule_set=rule_set)
    assert (judgement.outcome, judgement.decided_by) == ("te_office", "R3")
    assert judgement.te_office_code == "te-kainuu"
