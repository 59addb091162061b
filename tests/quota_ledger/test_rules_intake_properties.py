from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota_ledger.rules.calculating import calculate
from quota_ledger.rules.intake import examine, examine_changed
from tests.quota_ledger.scenarios.cases import decoded, good_body, the_register, the_tables

TODAY = date(2023, 8, 1)
ANY_DAY = st.dates() | st.dates(date(2020, 12, 1), date(2025, 12, 31))
INSTRUMENTS = ["PAY_SUBSIDY", "START_UP_GRANT", "TRAINING", "COACHING"]


@st.composite
def bodies(draw: st.DrawFn, instrument: str) -> dict[str, Any]:
    """Return anything that the decoder lets through: days, codes and counts at will."""
    body = good_body(instrument) | {
        "decided_on": draw(st.none() | ANY_DAY),
        "period": {"starts_on": draw(ANY_DAY), "ends_on": draw(ANY_DAY)},
        "budget_year": draw(st.integers(2021, 2099)),
        "municipality_code": draw(st.sampled_from(["765", "091", "291", "999", "588"])),
        "area_code": draw(st.sampled_from(["kainuu", "helsinki", "ta10", "none"])),
        "service_code": draw(st.sampled_from(["60", "50", "40", "62", "0", "20", "ZZ"])),
    }
    match instrument:
        case "PAY_SUBSIDY":
            body["employer"]["kind"] = draw(
                st.sampled_from(["company", "association", "municipality", "state"])
            )
            body["facts"] |= {
                "unemployed_months_in_last_14": draw(st.integers(0, 14)),
                "unemployed_months_in_last_28": draw(st.integers(0, 28)),
                "working_time_per_mille": draw(st.integers(1, 1_000)),
                "wage_cost_cents_per_month": draw(st.integers(1, 100_000_000)),
                "other_support_cents_per_month": draw(st.integers(0, 100_000_000)),
            }
        case "START_UP_GRANT":
            body["facts"] |= {
                "days_per_week_max": draw(st.integers(1, 7)),
                "months_granted_before": draw(st.integers(0, 120)),
                "is_full_time": draw(st.booleans()),
            }
        case _:
            body["places"] = draw(st.integers(1, 1_000))
            body["procurement"]["ely_code"] = draw(st.sampled_from(["14", "99"]))
    return body


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@given(data=st.data())
def test_whatever_the_decoder_lets_through_is_refused_or_calculated(
    data: st.DataObject, instrument: str
) -> None:
    item = decoded(data.draw(bodies(instrument)))

    faults = examine(item, tables=the_tables(), register=the_register(), today=TODAY)
    of_change = examine_changed(item, tables=the_tables(), register=the_register(), today=TODAY)

    if not faults:
        assert of_change == ()
    if not of_change:
        outcome = calculate(item, tables=the_tables(), decided_on=item.decided_on or TODAY)
        assert outcome.rule_rows
