"""One instrument, one type: what a case system sends to have money reserved for a client.

The wire type and the domain value are one: bytes are decoded straight into these frozen values, by
the member `instrument`. What a decoder can not know is examined in `quota_ledger.rules.intake`.
"""

from datetime import date
from functools import cache
from typing import Annotated, cast

from msgspec import Meta, Struct

from kuntavayla.values.codes import Id, MunicipalityCode, Reference, ServiceCode
from kuntavayla.values.officials import ActingOfficial
from quota_ledger.rules.accounts import Instrument
from quota_ledger.rules.allocations import AreaCode, BudgetYear
from quota_ledger.rules.amounts import CentsAboveZero
from quota_ledger.rules.facts import Employer, PaySubsidyFacts, Procurement, StartUpGrantFacts
from quota_ledger.rules.pauses import Pauses, days_between

Places = Annotated[
    int, Meta(ge=1, le=1_000, title="places", description="Give whole places, from 1 to 1,000.")
]


PausesGiven = Annotated[
    Pauses, Meta(max_length=24, title="pauses", description="Give at most 24 pauses.")
]
"""Source: sources.md#decision-limits."""


class DecidedPeriod(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The days that money is decided for, both ends included, without those of `pauses`.

    `planned_ends_on` is the day to which it was decided, where it ended earlier: the ledger keeps
    it of `:interrupt` and `:end`. A `:change` without `pauses` keeps those that stand.
    """

    starts_on: date
    ends_on: date
    pauses: PausesGiven | None = None
    planned_ends_on: date | None = None

    @property
    def days_kept(self) -> int:
        """The days that are paid, as far as days are."""
        return days_between(self.starts_on, self.ends_on, pauses=self.pauses or ())

    @property
    def days_planned(self) -> int:
        """The days that would have been, had nothing ended earlier."""
        return days_between(
            self.starts_on, self.planned_ends_on or self.ends_on, pauses=self.pauses or ()
        )


class Item(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="instrument"):
    """A decision to book; `municipal_id` is the sender's own, once for ever.

    Without `decided_on` it is decided on the Helsinki day on which the ledger gets it; without
    `acting_official` the header names who decides.
    """

    municipal_id: Reference
    client_id: Id
    municipality_code: MunicipalityCode
    area_code: AreaCode
    budget_year: BudgetYear
    service_code: ServiceCode
    decided_on: date | None = None
    period: DecidedPeriod
    acting_official: ActingOfficial | None = None

    @property
    def instrument(self) -> Instrument:
        """The instrument, by which the bytes were told apart."""
        return _instrument_of(type(self))


@cache
def _instrument_of(kind: type[Item]) -> Instrument:
    return cast("Instrument", kind.__struct_config__.tag)


class PaySubsidyItem(Item, frozen=True, kw_only=True, tag="PAY_SUBSIDY"):
    """A share of the wage cost of the client's work, paid to the employer month by month."""

    employer: Employer
    facts: PaySubsidyFacts


class StartUpGrantItem(Item, frozen=True, kw_only=True, tag="START_UP_GRANT"):
    """A grant by the day to a client who becomes an entrepreneur."""

    employer: None = None
    facts: StartUpGrantFacts


class TrainingItem(Item, frozen=True, kw_only=True, tag="TRAINING"):
    """Places on a course that the ELY centre has procured."""

    procurement: Procurement
    places: Places
    unit_cost_cents: CentsAboveZero


class CoachingItem(Item, frozen=True, kw_only=True, tag="COACHING"):
    """Places in coaching that the ELY centre has procured."""

    procurement: Procurement
    places: Places
    unit_cost_cents: CentsAboveZero


PlacesItem = TrainingItem | CoachingItem
DecisionItem = PaySubsidyItem | StartUpGrantItem | TrainingItem | CoachingItem
"""A decision of any instrument, told apart by `instrument`."""
