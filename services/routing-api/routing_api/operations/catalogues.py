"""The closed lists that everybody may read, explained in three languages."""

from collections.abc import Mapping
from typing import Literal, get_args

from routing_api.events import ChangedGroup
from routing_api.rules.judging import Outcome, ReviewReason
from routing_api.rules.registrations import EmploymentCode
from routing_api.rules.reviews import ReviewState
from routing_api.rules.transfers import NoticeChannel, TransferCause, TransferState

GroundCode = Literal[
    "before_pilot",
    "home_protected",
    "home_municipality_missing",
    "home_municipality_abroad",
    "home_municipality_outside_areas",
    "employment_area",
    "transfer_in_force",
    "earlier_clienthood",
    "situation_outside",
    "short_week",
    "education_not_a_service",
    "membership_unconfirmed",
    "municipality_not_valid",
    "short_unemployment",
    "swedish_service",
    "no_earnings_related_allowance",
    "under_30",
    "immigrant",
    "foreign_language",
]
"""What a ground of a decision is called; the order is that of judging."""
CLOSED_LISTS: Mapping[str, tuple[str, ...]] = {
    "outcomes": get_args(Outcome),
    "grounds": get_args(GroundCode),
    "review-reasons": get_args(ReviewReason),
    "review-states": get_args(ReviewState),
    "transfer-causes": get_args(TransferCause),
    "transfer-states": get_args(TransferState),
    "notice-channels": get_args(NoticeChannel),
    "changed-groups": get_args(ChangedGroup),
    "employment-codes": get_args(EmploymentCode),
}
