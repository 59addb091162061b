"""How often each kind of information comes, and its coded facts on a day.

Weights are assumed, as no public count by kind exists (docs/sources.md): offers, plans and services
are most of it, the rare kinds are there so that each is sent.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from msgspec import Struct

Facts = dict[str, Any]
Make = Callable[["Draw"], Facts]

REASONS = ("no_reason_given", "work", "studies", "family", "travel", "pay_or_terms", "other")
CHANNELS = ("in_person", "phone", "video", "e_service", "letter")
TOLD_BY = ("client", "employer", "service_provider", "register", "municipality")
SERVICES = ("20", "06", "0", "1", "60", "62", "3K")
PLANS = ("01", "02", "03")
CONDUCT = ("absence", "neglect_of_duties", "disturbance", "other")
BUSINESS = ("sole_trader", "company", "partnership", "light")
LEVELS = ("vocational", "higher", "general_upper_secondary", "integration_training")
COUNTRIES = ("752", "233", "276", "724", "246")
HOURS = (3_750, 3_725, 4_000, 2_000, 1_800)


class Draw(Struct, frozen=True):
    """What facts are drawn from: the day of the matter, and chance."""

    on: date
    random: Random

    def of(self, choices: tuple[str, ...]) -> str:
        """Return one of these."""
        return self.random.choice(choices)

    def chance(self) -> bool:
        """Return yes or no."""
        return self.random.random() < 0.5  # noqa: PLR2004 - an even chance

    def before(self, days_max: int) -> str:
        """Return a day up to so many days before."""
        return (self.on - timedelta(days=self.random.randint(1, days_max))).isoformat()

    def after(self, days_max: int) -> str:
        """Return a day up to so many days later."""
        return (self.on + timedelta(days=self.random.randint(1, days_max))).isoformat()

    @property
    def today(self) -> str:
        """Return the day itself."""
        return self.on.isoformat()

    @property
    def offer(self) -> str:
        """Return the number of a job offer."""
        return f"TT-{self.random.randint(5_000_000, 5_999_999)}"

    @property
    def reason(self) -> str:
        """Return why the client did so."""
        return self.of(REASONS)

    @property
    def channel(self) -> str:
        """Return by what means."""
        return self.of(CHANNELS)

    @property
    def told_by(self) -> str:
        """Return who told."""
        return self.of(TOLD_BY)

    @property
    def service(self) -> str:
        """Return the code of a service."""
        return self.of(SERVICES)

    @property
    def plan(self) -> str:
        """Return the code of a kind of plan."""
        return self.of(PLANS)


class KindOfWeek(Struct, frozen=True):
    """How often a kind comes, of about a thousand, whether the client is heard, its facts."""

    per_mille: int
    is_heard: bool
    make: Make


KINDS: Mapping[str, KindOfWeek] = {
    "JOB_OFFER_MADE": KindOfWeek(
        205,
        is_heard=False,
        make=lambda draw: {
            "job_offer_id": draw.offer,
            "offered_on": draw.today,
            "apply_by_on": draw.after(14),
            "is_duty_to_apply": draw.chance(),
            "channel": draw.channel,
        },
    ),
    "JOB_OFFER_REFUSED": KindOfWeek(
        25,
        is_heard=True,
        make=lambda draw: {
            "job_offer_id": draw.offer,
            "offered_on": draw.before(14),
            "refused_on": draw.today,
            "reason_code": draw.reason,
            "was_duty_to_apply": draw.chance(),
        },
    ),
    "JOB_OFFER_NOT_APPLIED": KindOfWeek(
        60,
        is_heard=True,
        make=lambda draw: {
            "job_offer_id": draw.offer,
            "offered_on": draw.before(21),
            "apply_by_on": draw.today,
            "result_code": "06",
            "was_duty_to_apply": True,
        },
    ),
    "JOB_OFFER_RESULT": KindOfWeek(
        90,
        is_heard=False,
        make=lambda draw: {
            "job_offer_id": draw.offer,
            "offered_on": draw.before(28),
            "result_on": draw.today,
            "result_code": draw.of(("01", "02", "03", "04", "11", "13", "51", "52")),
        },
    ),
    "INTERVIEW_NO_SHOW": KindOfWeek(
        25,
        is_heard=True,
        make=lambda draw: {
            "arranged_by": draw.of(("employer", "municipality", "service_provider")),
            "channel": draw.channel,
            "invited_on": draw.before(10),
            "interview_on": draw.today,
            "reason_code": draw.reason,
            "job_offer_id": None,
        },
    ),
    "PLAN_REFUSED": KindOfWeek(
        10,
        is_heard=True,
        make=lambda draw: {
            "plan_kind_code": draw.plan,
            "refused_on": draw.today,
            "reason_code": draw.reason,
        },
    ),
    "PLAN_MEETING_MISSED": KindOfWeek(
        55,
        is_heard=True,
        make=lambda draw: {
            "plan_kind_code": draw.plan,
            "channel": draw.channel,
            "invited_on": draw.before(14),
            "meeting_on": draw.today,
            "reason_code": draw.reason,
        },
    ),
    "PLAN_STEP_OMITTED": KindOfWeek(
        25,
        is_heard=True,
        make=lambda draw: {
            "plan_kind_code": draw.plan,
            "plan_made_on": draw.before(90),
            "step_code": draw.of(("job_search", "service", "studies", "other")),
            "step_due_on": draw.today,
            "reason_code": draw.reason,
        },
    ),
    "SERVICE_REFUSED": KindOfWeek(
        20,
        is_heard=True,
        make=lambda draw: {
            "service_code": draw.service,
            "offered_on": draw.before(14),
            "refused_on": draw.today,
            "reason_code": draw.reason,
        },
    ),
    "SERVICE_NOT_STARTED": KindOfWeek(
        20,
        is_heard=True,
        make=lambda draw: {
            "service_code": draw.service,
            "planned_starts_on": draw.today,
            "reason_code": draw.reason,
        },
    ),
    "SERVICE_STARTED": KindOfWeek(
        95,
        is_heard=False,
        make=lambda draw: {
            "service_code": draw.service,
            "started_on": draw.today,
            "planned_ends_on": draw.after(120),
        },
    ),
    "SERVICE_INTERRUPTED": KindOfWeek(
        30,
        is_heard=True,
        make=lambda draw: {
            "service_code": draw.service,
            "planned_ends_on": draw.after(60),
            "interrupted_on": draw.today,
            "interrupted_by": draw.of(("client", "service_provider", "municipality")),
            "reason_code": draw.reason,
            "concerns_work_capacity": draw.chance(),
        },
    ),
    "SERVICE_REMOVED_FOR_CONDUCT": KindOfWeek(
        5,
        is_heard=True,
        make=lambda draw: {
            "service_code": draw.service,
            "planned_ends_on": draw.after(60),
            "removed_on": draw.today,
            "conduct_code": draw.of(CONDUCT),
            "was_warned": draw.chance(),
        },
    ),
    "SERVICE_ENDED": KindOfWeek(
        60,
        is_heard=False,
        make=lambda draw: {
            "service_code": draw.service,
            "planned_ends_on": draw.today,
            "ended_on": draw.today,
            "result_code": draw.of(("completed", "employed", "studies", "ended_early")),
        },
    ),
    "SERVICE_ABSENCE": KindOfWeek(
        45,
        is_heard=False,
        make=lambda draw: {
            "service_code": draw.service,
            "absent_days": draw.random.randint(1, 5),
            "is_authorised": draw.chance(),
            "concerns_work_capacity": draw.chance(),
        },
    ),
}
"""Offers, interviews, plans and services; `kuntavayla_sandbox.week.life` has the others."""
