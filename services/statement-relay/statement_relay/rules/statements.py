"""The statement on unemployment benefit that was given: kind, period, outcome."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.errors import Fault
from kuntavayla.values.codes import Id, Reference
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial
from statement_relay.rules.kinds import InformationKind
from statement_relay.rules.requests import period_faults
from statement_relay.rules.shape import TimeSpan

OutcomeCode = Literal[
    "no_obstacle",
    "reminder",
    "waiting_period",
    "employment_obligation",
    "not_jobseeker",
    "not_unemployed",
    "other",
]


class StatementRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A statement as its issuer gives it; `reference` is the sender's own, once for ever.

    `information_ids` are the items of information that it rests on, as far as they were relayed.
    """

    reference: Reference
    client_id: Id
    kind: InformationKind
    period: TimeSpan
    outcome_code: OutcomeCode
    given_on: date
    information_ids: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()
    acting_official: ActingOfficial | None = None

    def faults(self, *, today: date) -> Iterator[Fault]:
        """Yield what is wrong with the statement in itself."""
        yield from period_faults(self.period)
        if self.given_on > today:
            yield Fault("/given_on", "in_future", "Give a day that is not ahead of today.")
        if holds_identity_code(self.reference):
            advice = "Give a text that holds no personal identity code."
            yield Fault("/reference", "text_holds_identity_code", advice)


class Statement(Struct, frozen=True, kw_only=True):
    """A statement on record; it never changes.

    `organisation` gave it: the TE office, or the case system of the municipality that issued it.
    """

    statement_id: str
    organisation: str
    reference: str
    fingerprint: bytes
    client_id: str
    te_office_code: str
    kind: str
    period: TimeSpan
    outcome_code: str
    given_on: date
    recorded_at: datetime
    information_ids: tuple[str, ...] = ()
