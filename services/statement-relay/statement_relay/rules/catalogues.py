"""The catalogues that everybody may read: kinds of information, codes of deliveries, closed lists.

What they hold is what the service judges by: they are made of the very tables of law.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.resources.abc import Traversable
from typing import Any, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from kuntavayla.values.codes import TriState
from kuntavayla.values.tables import TableFault
from kuntavayla.values.texts import Texts
from statement_relay.rules.answers import AnswerTable
from statement_relay.rules.availability import JobSearchEndCode
from statement_relay.rules.coded import (
    Channel,
    ConductCode,
    EmploymentForm,
    JobOfferResultCode,
    ReasonCode,
    ToldBy,
    WorkingTime,
)
from statement_relay.rules.competence import Tables
from statement_relay.rules.fault_codes import FaultCode
from statement_relay.rules.hearing import HearingState
from statement_relay.rules.items import InformationItem
from statement_relay.rules.job_offers import Arranger
from statement_relay.rules.kinds import KINDS
from statement_relay.rules.plans import StepCode
from statement_relay.rules.reconciliations import DifferenceKind
from statement_relay.rules.requests import AnswerCode, QuestionCode
from statement_relay.rules.services import Interrupter, ServiceResultCode
from statement_relay.rules.shape import AttachmentKind, AuthorRole, Item, WithdrawalReason
from statement_relay.rules.statements import OutcomeCode
from statement_relay.rules.states import InformationState, NoteAction
from statement_relay.rules.work import BusinessForm, EndingParty, StudyLevel, StudyResultCode

CLOSED_LISTS: Mapping[str, tuple[str, ...]] = {
    "information-states": ("accepted", *get_args(InformationState)),
    "hearing-states": get_args(HearingState),
    "author-roles": get_args(AuthorRole),
    "attachment-kinds": get_args(AttachmentKind),
    "withdrawal-reasons": get_args(WithdrawalReason),
    "reasons": get_args(ReasonCode),
    "conduct-codes": get_args(ConductCode),
    "job-offer-results": get_args(JobOfferResultCode),
    "tellers": get_args(ToldBy),
    "channels": get_args(Channel),
    "tri-states": get_args(TriState),
    "arrangers": get_args(Arranger),
    "plan-steps": get_args(StepCode),
    "service-interrupters": get_args(Interrupter),
    "service-results": get_args(ServiceResultCode),
    "working-times": get_args(WorkingTime),
    "employment-forms": get_args(EmploymentForm),
    "employment-endings": get_args(EndingParty),
    "business-forms": get_args(BusinessForm),
    "study-levels": get_args(StudyLevel),
    "study-results": get_args(StudyResultCode),
    "job-search-endings": get_args(JobSearchEndCode),
    "question-codes": get_args(QuestionCode),
    "answer-codes": get_args(AnswerCode),
    "statement-outcomes": get_args(OutcomeCode),
    "delivery-notes": get_args(NoteAction),
    "difference-kinds": get_args(DifferenceKind),
    "fault-codes": get_args(FaultCode),
}
"""The lists that have a text for each code and no more."""
CATALOGUE_NAMES = ("information-kinds", "delivery-codes", *CLOSED_LISTS)
_TABLE = "examples.ndjson"


class IssuerPeriod(Struct, frozen=True):
    """Who issues for a period, by which rule; the period's end is open where it is null."""

    authority: str
    rule: str
    valid_from: date
    valid_to: date | None
    sure: str


class CodeEntry(Struct, frozen=True, kw_only=True):
    """A code in three languages; of a kind its first day, issuers and an example.

    Of a delivery code the action, who mends it, and the advice.
    """

    code: str
    text: Texts
    valid_from: date | UnsetType = UNSET
    issuers: Sequence[IssuerPeriod] | UnsetType = UNSET
    example: Mapping[str, Any] | UnsetType = UNSET
    action: str | UnsetType = UNSET
    mends: str | UnsetType = UNSET
    advice: Texts | UnsetType = UNSET


Catalogues = Mapping[str, Sequence[CodeEntry]]
Examples = Mapping[str, Mapping[str, Any]]
"""One item of each kind as a case system sends it, by kind."""


def load_examples(source: Traversable) -> Examples:
    """Read one item of each kind; raises TableFault where one is missing or none of its kind."""
    examples: dict[str, Mapping[str, Any]] = {}
    for line in source.read_bytes().splitlines():
        item: Item = _decoded(line)
        if item.kind in examples:
            raise TableFault(_TABLE, f"{item.kind} has two examples.")
        examples[item.kind] = msgspec.json.decode(line)
    missing = set(KINDS) - examples.keys()
    if missing:
        raise TableFault(_TABLE, f"No example of {', '.join(sorted(missing))}.")
    return examples


def _decoded(line: bytes) -> Item:
    decoder: Any = msgspec.json.Decoder(InformationItem)
    try:
        item: Item = decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise TableFault(_TABLE, str(error)) from error
    return item


def examples_by_type(examples: Examples) -> dict[str, Mapping[str, Any]]:
    """Return the examples by the name of the wire type that each of them has."""
    return {
        type(_decoded(msgspec.json.encode(example))).__name__: example
        for example in examples.values()
    }


def catalogues_of(tables: Tables, *, answers: AnswerTable, examples: Examples) -> Catalogues:
    """Return the catalogues, each in the order of its table."""
    return {
        "information-kinds": [
            CodeEntry(
                code=entry.kind,
                text=entry.name,
                valid_from=entry.valid_from,
                issuers=_issuers(tables, kind=entry.kind),
                example=examples[entry.kind],
            )
            for entry in tables.kinds.entries
        ],
        "delivery-codes": [
            CodeEntry(
                code=row.code,
                text=row.text,
                action=row.action,
                mends=row.mends,
                advice=row.advice,
            )
            for row in answers.rows
        ],
    }


def _issuers(tables: Tables, *, kind: str) -> list[IssuerPeriod]:
    rows = sorted(
        (row for row in tables.issuers.rows if row.kind == kind),
        key=lambda row: row.period.starts_on,
    )
    return [
        IssuerPeriod(
            authority=row.issuer.authority,
            rule=row.issuer.rule,
            valid_from=row.period.starts_on,
            valid_to=row.period.ends_on,
            sure=row.sureness,
        )
        for row in rows
    ]
