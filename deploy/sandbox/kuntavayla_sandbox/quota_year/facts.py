"""What one decision of the year says: its period, its facts, its employer; drawn, never real."""

import calendar
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

Document = dict[str, Any]
OWN_POST_CODE, COMPANY_CODES = "50", ("60", "69", "80", "81")
COMPANY_KEYS = (7, 9, 10, 5, 8, 4, 2)
"""Weights of the check digit of a business id."""
START_AHEAD_DAYS = 21
COURSE_WEEKS = (6, 30)


def pay_subsidy(decided_on: date, *, is_own_post: bool, random: Random) -> Document:
    """Return a company's pay subsidy, or one of a municipality's own posts."""
    of_14 = random.choices((13, random.randint(0, 11)), (65, 35))[0]
    months = 12 if of_14 > 11 else 6  # noqa: PLR2004 - the law's 12 of 14 months
    starts_on = _start(decided_on, random=random)
    return {
        "service_code": OWN_POST_CODE if is_own_post else random.choice(COMPANY_CODES),
        "period": _period(starts_on, months=random.randint(max(months - 5, 2), months)),
        "employer": {
            "business_id": business_id(random),
            "kind": "municipality" if is_own_post else "company",
            "name": "Esimerkki Oy",
        },
        "facts": {
            "unemployed_months_in_last_14": of_14,
            "unemployed_months_in_last_28": of_14 + random.randint(0, 5),
            "has_reduced_work_capacity": random.randrange(10) == 0,
            "wage_cost_cents_per_month": random.randrange(190_000, 330_000),
            "holiday_pay_cents": random.randrange(40_000, 130_000),
            "working_time_per_mille": random.choice((1_000, 1_000, 850, 600)),
            "aid_scheme": "de_minimis",
            "other_support_cents_per_month": 0,
        },
    }


def start_up_grant(decided_on: date, *, random: Random) -> Document:
    """Return a start-up grant."""
    months = random.choice((4, 5, 6, 6, 6))
    return {
        "service_code": "62",
        "period": _period(_start(decided_on, random=random), months=months),
        "employer": None,
        "facts": {"days_per_week_max": 5, "months_granted_before": 0, "is_full_time": True},
    }


def continued_grant(document: Mapping[str, Any], *, random: Random) -> Document:
    """Return what another decision says that goes on with a start-up grant from the next day.

    With it no more than the twelve months of the law are granted, and at most six at once.
    """
    period = document["period"]
    starts_on, ends_on = (date.fromisoformat(period[name]) for name in ("starts_on", "ends_on"))
    next_on = ends_on + timedelta(days=1)
    before = (next_on.year - starts_on.year) * 12 + next_on.month - starts_on.month
    months = random.randint(3, min(6, 12 - before))
    facts = {**document["facts"], "months_granted_before": before}
    return {"period": _period(next_on, months=months), "facts": facts}


def grant_beyond(document: Mapping[str, Any], *, random: Random) -> Document:
    """Return what a decision says that asks for more when all twelve months were granted."""
    continued = continued_grant(document, random=random)
    return {**continued, "facts": {**continued["facts"], "months_granted_before": 12}}


def corrected(document: Mapping[str, Any], *, random: Random) -> Document:
    """Return a decision with what was found out later: another wage, fewer days, another price."""
    match document["instrument"]:
        case "PAY_SUBSIDY":
            wage = document["facts"]["wage_cost_cents_per_month"]
            wage = wage * random.choice((92, 96, 104, 108)) // 100
            return {**document, "facts": {**document["facts"], "wage_cost_cents_per_month": wage}}
        case "START_UP_GRANT":
            return {**document, "facts": {**document["facts"], "days_per_week_max": 4}}
        case _:
            cents = document["unit_cost_cents"] * random.choice((95, 105)) // 100
            return {**document, "unit_cost_cents": cents}


def training(decided_on: date, *, ely_code: str, random: Random) -> Document:
    """Return a place on a course."""
    return _place(decided_on, ely_code, random, code="0", cents=random.randrange(150_000, 450_000))


def coaching(decided_on: date, *, ely_code: str, random: Random) -> Document:
    """Return a place in coaching."""
    return _place(decided_on, ely_code, random, code="20", cents=random.randrange(50_000, 125_000))


PLACES: Mapping[str, Callable[..., Document]] = {"TRAINING": training, "COACHING": coaching}


def _place(decided_on: date, ely_code: str, random: Random, *, code: str, cents: int) -> Document:
    starts_on = _start(decided_on, random=random)
    ends_on = starts_on + timedelta(weeks=random.randint(*COURSE_WEEKS))
    return {
        "service_code": code,
        "period": {"starts_on": starts_on.isoformat(), "ends_on": ends_on.isoformat()},
        "procurement": {
            "ely_code": ely_code,
            "course_reference": f"ELY{ely_code}-COURSE-{random.randrange(100):02}",
        },
        "places": 1,
        "unit_cost_cents": cents,
    }


def _start(decided_on: date, *, random: Random) -> date:
    return decided_on + timedelta(days=random.randint(1, START_AHEAD_DAYS))


def _period(starts_on: date, *, months: int) -> Document:
    """Return so many months from a day: the last is the day before the same day of a month."""
    year, month = divmod(starts_on.year * 12 + starts_on.month - 1 + months, 12)
    day = min(starts_on.day, calendar.monthrange(year, month + 1)[1])
    ends_on = date(year, month + 1, day) - timedelta(days=1)
    return {"starts_on": starts_on.isoformat(), "ends_on": ends_on.isoformat()}


def business_id(random: Random) -> str:
    """Return a business id of the range that the agreed examples use, with its check digit."""
    while True:
        digits = f"99{random.randrange(100_000):05}"
        rest = sum(map(int.__mul__, COMPANY_KEYS, map(int, digits))) % 11
        if rest != 1:
            # 1 has no check digit, and is given to nobody.
            return f"{digits}-{(11 - rest) % 11}"
