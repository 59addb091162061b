"""Read the scenario files; turn their words into items, clienthoods, answers and expectations."""

from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from kuntavayla.values.responsibilities import Responsibility
from statement_relay.rules.answers import Answer, AnswerTable, Failure, Receipt, load_answers
from statement_relay.rules.catalogues import load_examples
from statement_relay.rules.competence import Tables
from statement_relay.rules.digests import digest_of
from statement_relay.rules.issuers import load_issuers
from statement_relay.rules.items import InformationItem
from statement_relay.rules.kinds import InformationKind, load_kinds
from statement_relay.rules.receivers import load_receivers

FOLDER = Path(__file__).parent
DATA = files("statement_relay") / "data"
CLIENT_ID = "0177ec61-3ab9-7893-923f-0824128b2f33"
SENT = digest_of(b"as sent")
OTHER = digest_of(b"other")
_DECODER: Any = msgspec.json.Decoder(InformationItem)


class By(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Somebody responsible from a day on: a municipality's code or a TE office."""

    by: str
    since: date
    office: str = "te-kainuu"


class Outcome(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    outcome: str
    issuer: str | None = None
    rule: str | None = None
    since: date | None = None
    receiver: str | None = None


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence, what differs from the base case, and what comes of it."""

    name: str
    sentence: str
    on: date
    expect: Outcome
    kind: InformationKind = "JOB_OFFER_NOT_APPLIED"
    municipality: str = "765"
    sender: str = "cs-sotkamo"
    responsible: tuple[By, ...] = (By("765", date(2021, 3, 1)),)


class AnswerWords(Struct, frozen=True, forbid_unknown_fields=True):
    status: int | None = None
    failure: Failure | None = None
    code: str | None = None
    is_json: bool = False
    has_x_road_error: bool = False
    receipt: str | None = None


class ExpectedVerdict(Struct, frozen=True, forbid_unknown_fields=True):
    action: str
    code: str
    is_receivers_fault: bool = False


class AnswerCase(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    answer: AnswerWords
    expect: ExpectedVerdict


class _Cases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[Case, ...] = field(default_factory=tuple)


class _AnswerCases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[AnswerCase, ...]


def competence_cases() -> list[Case]:
    return list(msgspec.toml.decode((FOLDER / "competence.toml").read_bytes(), type=_Cases).case)


def answer_cases() -> list[AnswerCase]:
    file = FOLDER / "answers.toml"
    return list(msgspec.toml.decode(file.read_bytes(), type=_AnswerCases).case)


@cache
def the_tables() -> Tables:
    """Return the tables of law as published."""
    kinds = load_kinds(DATA / "kinds.toml")
    return Tables(
        kinds=kinds,
        issuers=load_issuers(DATA / "issuers.csv", first_on=kinds.first_on),
        receivers=load_receivers(DATA / "receivers.csv"),
    )


@cache
def the_answers() -> AnswerTable:
    return load_answers(DATA / "answers.toml")


def examples() -> dict[str, dict[str, Any]]:
    """Return one good item of every kind, as a case system sends it, by kind; each time anew."""
    found: dict[str, dict[str, Any]] = msgspec.to_builtins(load_examples(DATA / "examples.ndjson"))
    return found


def decoded(body: dict[str, Any]) -> InformationItem:
    """Return the item, decoded from JSON as a caller would send it."""
    item: InformationItem = _DECODER.decode(msgspec.json.encode(body))
    return item


def item_of(case: Case) -> InformationItem:
    """Return the good item of the case's kind, moved to its day and municipality."""
    at = f"{case.on.isoformat()}T12:00:00+02:00"
    body = examples()[case.kind] | {
        "municipality_code": case.municipality,
        "period": {"starts_on": case.on},
        "occurred_at": at,
        "known_at": at,
    }
    return decoded(body)


def versions_of(case: Case) -> list[Responsibility]:
    """Return what is known of the client, numbered from 1."""
    return [
        Responsibility(
            client_id=CLIENT_ID,
            clienthood_version=number,
            authority="municipality" if entry.by.isdigit() else "te_office",
            municipality_code=entry.by if entry.by.isdigit() else None,
            area_code=None,
            case_system_id=None,
            te_office_code=entry.office,
            source_system="ura",
            source_client_number="URA-C-0088123",
            valid_from=entry.since,
            valid_to=None,
            is_restricted=False,
            sequence=f"000001.{number:018d}",
        )
        for number, entry in enumerate(case.responsible, 1)
    ]


def answer_of(words: AnswerWords) -> Answer:
    """Return the answer that the words describe."""
    digest = {None: None, "as_sent": SENT, "other": OTHER}[words.receipt]
    received_at = datetime(2021, 3, 24, 11, 40, 5, tzinfo=UTC)
    return Answer(
        status=words.status,
        failure=words.failure,
        code=words.code,
        is_json=words.is_json or digest is not None,
        has_x_road_error=words.has_x_road_error,
        receipt=None if digest is None else Receipt("01786408-da08", received_at, digest),
    )
