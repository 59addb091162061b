"""Read the scenario files; turn their words into decisions, clienthoods and expectations."""

from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla.register import Register, load_register
from kuntavayla.values.responsibilities import Responsibility
from quota_ledger.rules.items import DecisionItem
from quota_ledger.rules.law_tables import QuotaTables, load_quota_tables

FOLDER = Path(__file__).parent
DATA = files("quota_ledger") / "data"
FIRST_ON = date(2021, 3, 1)
CLIENT_ID = "0177ec61-3ab9-7893-923f-0824128b2f33"
_DECODER: Any = msgspec.json.Decoder(DecisionItem)


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """What comes of a case; what is not said is not compared."""

    total: str | None = None
    rate: int | None = None
    months_max: int | None = None
    month: str | None = None
    holiday: str | None = None
    day: str | None = None
    days: int | None = None
    cut: str | None = None
    months: dict[str, str] = {}
    rows: tuple[str, ...] = ()
    refused: str | None = None


class Counted(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """One sentence, what differs from the base case of its file, and what comes of it."""

    name: str
    sentence: str
    since: date
    to: date
    expect: Expected
    instrument: str = ""
    decided_on: date | None = None
    year: int | None = None
    kind: str = "company"
    hours: int = 1_000
    wage: str = "2650.00"
    holiday: str = "0.00"
    other: str = "0.00"
    of_14: int = 14
    of_28: int = 18
    reduced: bool = False
    aged_55: bool = False
    week: int = 5
    before: int = 0
    full_time: bool = True
    places: int = 1
    unit_cost: str = "1.00"

    @property
    def decided(self) -> date:
        return self.decided_on or max(FIRST_ON, self.since - timedelta(days=7))


class By(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """Somebody responsible from a day on: a municipality's code or a TE office."""

    by: str
    since: date


class Judged(Struct, frozen=True, forbid_unknown_fields=True):
    outcome: str
    rule: str | None = None
    authority: str | None = None
    office: str | None = None
    matched: str | None = None


class CompetenceCase(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    sentence: str
    on: date
    expect: Judged
    municipality: str = "765"
    sender: str = "cs-sotkamo"
    code: str = "60"
    business_id: str = "9900456-1"
    responsible: tuple[By, ...] = (By("765", FIRST_ON),)


class ExpectedFault(Struct, frozen=True, forbid_unknown_fields=True):
    pointer: str
    code: str


class BadCase(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    sentence: str
    change: dict[str, str | int | float]
    instrument: str = "PAY_SUBSIDY"
    today: date = date(2021, 9, 1)
    form: bool = False
    fault: ExpectedFault | None = None


class Example(Struct, frozen=True):
    """An agreed request, and its calculation where one was agreed."""

    request: dict[str, Any]
    calculation: dict[str, Any] | None


class _CountedCases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[Counted, ...]


class _CompetenceCases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[CompetenceCase, ...]


class _BadCases(Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[BadCase, ...]


@cache
def the_tables() -> QuotaTables:
    """Return the tables of law as published."""
    return load_quota_tables(DATA)


@cache
def the_register() -> Register:
    return load_register()


def counted_cases(name: str) -> list[Counted]:
    return list(msgspec.toml.decode((FOLDER / name).read_bytes(), type=_CountedCases).case)


def competence_cases() -> list[CompetenceCase]:
    file = FOLDER / "competence.toml"
    return list(msgspec.toml.decode(file.read_bytes(), type=_CompetenceCases).case)


def bad_cases() -> list[BadCase]:
    return list(msgspec.toml.decode((FOLDER / "bad_input.toml").read_bytes(), type=_BadCases).case)


def examples() -> list[Example]:
    """Return the agreed examples of every instrument that has one; each time anew."""
    return msgspec.json.decode((FOLDER / "examples.json").read_bytes(), type=list[Example])


def good_body(instrument: str) -> dict[str, Any]:
    """Return a good request of the instrument; coaching is as training, by another code."""
    if instrument == "COACHING":
        return good_body("TRAINING") | {"instrument": "COACHING", "service_code": "20"}
    bodies = {example.request["instrument"]: example.request for example in examples()}
    body: dict[str, Any] = bodies[instrument]
    return body if "decided_on" in body else body | {"decided_on": "2021-08-23"}


def decoded(body: dict[str, Any]) -> DecisionItem:
    """Return the decision, decoded from JSON as a caller would send it."""
    item: DecisionItem = _DECODER.decode(msgspec.json.encode(body))
    return item


def changed(case: BadCase) -> dict[str, Any]:
    """Return the good body of the case's instrument with its changes made."""
    body = good_body(case.instrument)
    for pointer, value in case.change.items():
        *parents, member = pointer.strip("/").split("/")
        place = body
        for parent in parents:
            place = place[parent]
        place[member] = value
    return body


def item_of(case: Counted, instrument: str) -> DecisionItem:
    """Return the decision that the case describes."""
    body = good_body(case.instrument or instrument) | {
        "budget_year": case.year or case.decided.year,
        "decided_on": case.decided,
        "period": {"starts_on": case.since, "ends_on": case.to},
    }
    match case.instrument or instrument:
        case "PAY_SUBSIDY":
            body |= _employed(case, body)
        case "START_UP_GRANT":
            body["facts"] = {
                "days_per_week_max": case.week,
                "months_granted_before": case.before,
                "is_full_time": case.full_time,
            }
        case _:
            body |= {"places": case.places, "unit_cost_cents": cents(case.unit_cost)}
    return decoded(body)


def _employed(case: Counted, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "employer": body["employer"] | {"kind": case.kind},
        "facts": body["facts"]
        | {
            "unemployed_months_in_last_14": case.of_14,
            "unemployed_months_in_last_28": case.of_28,
            "has_reduced_work_capacity": case.reduced,
            "has_turned_55": case.aged_55,
            "wage_cost_cents_per_month": cents(case.wage),
            "holiday_pay_cents": cents(case.holiday),
            "working_time_per_mille": case.hours,
            "other_support_cents_per_month": cents(case.other),
        },
    }


def judged_item(case: CompetenceCase) -> DecisionItem:
    """Return the pay subsidy that the case describes."""
    body = good_body("PAY_SUBSIDY")
    return decoded(
        body
        | {
            "municipality_code": case.municipality,
            "service_code": case.code,
            "decided_on": case.on,
            "employer": body["employer"] | {"business_id": case.business_id},
        }
    )


def versions_of(case: CompetenceCase) -> list[Responsibility]:
    """Return what is known of the client, numbered from 1."""
    return [
        Responsibility(
            client_id=CLIENT_ID,
            clienthood_version=number,
            authority="municipality" if entry.by.isdigit() else "te_office",
            municipality_code=entry.by if entry.by.isdigit() else None,
            area_code=None,
            case_system_id=None,
            te_office_code="te-kainuu",
            source_system="ura",
            source_client_number="URA-C-0088123",
            valid_from=entry.since,
            valid_to=None,
            is_restricted=False,
            sequence=f"000001.{number:018d}",
        )
        for number, entry in enumerate(case.responsible, 1)
    ]


def cents(euros: str) -> int:
    """Return the cents of an amount written as euros and cents."""
    whole, rest = euros.split(".")
    assert len(rest) == 2
    return int(whole) * 100 + int(rest)
