"""Annotated values that the facts of several kinds share: codes, counts, who told.

Every fact is coded, a day, a whole number or a reference: there is no free text in which health or
the affairs of others could stand. Codes that no public source gives are assumed: docs/sources.md.
"""

from typing import Annotated, Literal

from msgspec import Meta

JobOfferResultCode = Literal[
    "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "51", "52"
]
"""Result of a job offer by the codes of the TE office's register (domain.md, section 4)."""
ToldBy = Literal["client", "employer", "service_provider", "register", "municipality"]
Channel = Literal["in_person", "phone", "video", "e_service", "letter"]
WorkingTime = Literal["full_time", "part_time", "zero_hours"]
EmploymentForm = Literal["open_market", "pay_subsidy", "public_measure", "household", "other"]
ReasonCode = Literal[
    "no_reason_given",
    "work",
    "studies",
    "family",
    "travel",
    "pay_or_terms",
    "skills_do_not_match",
    "concerns_work_capacity",
    "not_told_in_time",
    "other",
]
"""Why the client did so; of health it says no more than that it concerns work capacity."""
ConductCode = Literal["absence", "neglect_of_duties", "disturbance", "other"]
WeeklyHours = Annotated[
    int,
    Meta(
        ge=0,
        le=16_800,
        title="weekly_hours_hundredths",
        description="Give hours a week in hundredths: 37.5 hours are 3750.",
    ),
]
Days = Annotated[
    int, Meta(ge=1, le=366, title="days", description="Give whole days, from 1 to 366.")
]
JobCount = Annotated[
    int, Meta(ge=0, le=100, title="jobs", description="Give a whole number from 0 to 100.")
]
