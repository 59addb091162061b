"""Kinds about work, enterprise, studies, and the job search itself."""

from collections.abc import Mapping

from kuntavayla_sandbox.week.facts import (
    BUSINESS,
    CONDUCT,
    COUNTRIES,
    HOURS,
    LEVELS,
    KindOfWeek,
)

TRI = ("yes", "no", "unknown")
FORMS = ("open_market", "pay_subsidy", "household", "other")
TIMES = ("full_time", "part_time", "zero_hours")

KINDS: Mapping[str, KindOfWeek] = {
    "EMPLOYMENT_STARTED": KindOfWeek(
        70,
        is_heard=False,
        make=lambda draw: {
            "employment_form": draw.of(FORMS),
            "working_time": draw.of(TIMES),
            "weekly_hours_hundredths": draw.random.choice(HOURS),
            "is_fixed_term": draw.chance(),
            "told_by": draw.told_by,
        },
    ),
    "EMPLOYMENT_ENDED": KindOfWeek(
        35,
        is_heard=False,
        make=lambda draw: {
            "employment_form": draw.of(FORMS),
            "working_time": draw.of(TIMES),
            "ended_on": draw.today,
            "ended_by": draw.of(("fixed_term", "employer", "client", "agreement")),
            "told_by": draw.told_by,
        },
    ),
    "RESIGNATION": KindOfWeek(
        8,
        is_heard=True,
        make=lambda draw: {
            "resigned_on": draw.before(14),
            "last_work_day_on": draw.today,
            "reason_code": draw.reason,
            "told_by": draw.told_by,
        },
    ),
    "DISMISSAL_OWN_CONDUCT": KindOfWeek(
        4,
        is_heard=True,
        make=lambda draw: {
            "dismissed_on": draw.before(7),
            "last_work_day_on": draw.today,
            "conduct_code": draw.of(CONDUCT),
            "was_warned": draw.of(TRI),
            "told_by": draw.told_by,
        },
    ),
    "ENTREPRENEURSHIP_STARTED": KindOfWeek(
        8,
        is_heard=False,
        make=lambda draw: {
            "started_on": draw.today,
            "business_form": draw.of(BUSINESS),
            "is_full_time": draw.of(TRI),
            "told_by": draw.told_by,
        },
    ),
    "ENTREPRENEURSHIP_ENDED": KindOfWeek(
        4,
        is_heard=False,
        make=lambda draw: {
            "ended_on": draw.today,
            "business_form": draw.of(BUSINESS),
            "is_wound_up": draw.of(TRI),
            "told_by": draw.told_by,
        },
    ),
    "STUDIES_STARTED": KindOfWeek(
        20,
        is_heard=False,
        make=lambda draw: {
            "started_on": draw.today,
            "planned_ends_on": draw.after(400),
            "study_level": draw.of(LEVELS),
            "is_full_time": draw.of(TRI),
            "told_by": draw.told_by,
        },
    ),
    "STUDIES_ENDED": KindOfWeek(
        12,
        is_heard=False,
        make=lambda draw: {
            "ended_on": draw.today,
            "study_level": draw.of(LEVELS),
            "result_code": draw.of(("completed", "interrupted", "not_known")),
            "told_by": draw.told_by,
        },
    ),
    "NOT_AVAILABLE_FOR_WORK": KindOfWeek(
        20,
        is_heard=False,
        make=lambda draw: {
            "reason_code": draw.reason,
            "concerns_work_capacity": draw.chance(),
            "told_by": draw.told_by,
        },
    ),
    "WORK_CAPACITY_CHANGE": KindOfWeek(
        8,
        is_heard=False,
        make=lambda draw: {
            "since_on": draw.today,
            "concerns_work_capacity": True,
            "told_by": draw.told_by,
        },
    ),
    "JOB_SEARCH_ENDED": KindOfWeek(
        25,
        is_heard=False,
        make=lambda draw: {
            "ended_on": draw.today,
            "reason_code": draw.of(("client_asked", "not_renewed", "work", "studies")),
            "told_by": draw.told_by,
        },
    ),
    "JOB_SEARCH_RENEWED": KindOfWeek(
        25,
        is_heard=False,
        make=lambda draw: {"renewed_on": draw.today, "channel": draw.channel},
    ),
    "MOVED_ABROAD": KindOfWeek(
        2,
        is_heard=False,
        make=lambda draw: {
            "moved_on": draw.today,
            "country_code": draw.of(COUNTRIES[:-1]),
            "is_permanent": draw.of(TRI),
            "told_by": draw.told_by,
        },
    ),
    "EU_JOB_SEARCH": KindOfWeek(
        4,
        is_heard=False,
        make=lambda draw: {
            "leaves_on": draw.today,
            "planned_returns_on": draw.after(90),
            "country_code": draw.of(COUNTRIES[:-1]),
            "told_by": draw.told_by,
        },
    ),
    "CLIENT_EXPLANATION_RECEIVED": KindOfWeek(
        35,
        is_heard=False,
        make=lambda draw: {
            "about_kind": draw.of(("JOB_OFFER_NOT_APPLIED", "SERVICE_INTERRUPTED")),
            "received_on": draw.today,
            "channel": draw.channel,
        },
    ),
}
