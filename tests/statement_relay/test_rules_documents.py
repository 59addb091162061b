import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

import statement_relay
from statement_relay.rules.kinds import KINDS
from statement_relay.rules.requests import AnswerRequest, AskRequest
from statement_relay.rules.statements import StatementRequest
from tests.statement_relay.scenarios.cases import FOLDER, competence_cases, the_tables

SOURCES = Path(__file__).parents[2] / "docs" / "sources.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SOURCES.read_text(encoding="utf-8").splitlines()
    if line.startswith("|")
]


@pytest.mark.parametrize("rule", ["S1", "S2", "S3"])
def test_each_issuer_rule_stands_in_the_sources_as_in_the_table(rule: str) -> None:
    [(_, who, days, source, sureness)] = [row for row in ROWS if row[0] == rule]
    rows = [row for row in the_tables().issuers.rows if row.issuer.rule == rule]

    assert {row.kind for row in rows} == set(KINDS)
    for row in rows:
        period = row.period
        last = f" to {period.ends_on}" if period.ends_on else ""
        assert days == f"{'' if last else 'from '}{period.starts_on}{last}"
        assert (row.source, row.sureness) == (source, sureness)
    named = {row.kind for row in rows if row.kind in who}
    municipal = {row.kind for row in rows if row.issuer.authority == "municipality"}
    assert named == municipal


def test_each_first_day_of_a_kind_stands_in_the_sources() -> None:
    told = {(row[1], row[2], row[3]) for row in ROWS if row[0].startswith("first day of")}

    entries = the_tables().kinds.entries
    assert {(str(entry.valid_from), entry.source, entry.sure) for entry in entries} == told


def test_the_receivers_are_told_with_their_days_and_sureness() -> None:
    [row] = [row for row in ROWS if row[0].startswith("receiver of")]

    for entry in the_tables().receivers.rows:
        assert entry.period.starts_on == date(2021, 3, 1)
        assert str(entry.period.ends_on) in row[1]
        assert (entry.source, entry.sureness) == (row[2], row[3])


def constants() -> Iterator[tuple[str, float]]:
    """Yield every public number of a module of the service, but for migrations, in its unit."""
    for found in pkgutil.walk_packages(statement_relay.__path__, "statement_relay."):
        if ".migrations" in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        defined = re.findall(
            r"^([A-Z][A-Z_]*)(?:: \w+)? = ",
            Path(module.__file__ or "").read_text("utf-8"),
            re.MULTILINE,
        )
        for name in defined:
            value = getattr(module, name)
            if isinstance(value, timedelta):
                value = value.total_seconds()
            if type(value) in {int, float}:
                yield f"{found.name.removeprefix('statement_relay.')}.{name}", value


def test_each_constant_stands_in_the_sources_with_its_value() -> None:
    """A new number needs a row in docs/sources.md, "Constants of statement-relay"."""
    section = SOURCES.read_text(encoding="utf-8").split("## Constants of statement-relay", 1)[1]
    rows = re.findall(r"^\| `([a-z_.]+\.[A-Z_]+)` \| ([0-9,.]+)", section, re.MULTILINE)

    told = {name: float(value.replace(",", "")) for name, value in rows}

    assert told == dict(constants())


def test_each_word_of_a_scenario_is_explained_to_the_clerk() -> None:
    explained = (FOLDER / "README.md").read_text(encoding="utf-8")

    words = {*competence_cases()[0].__struct_fields__} - {"name", "sentence", "expect"}
    assert [word for word in sorted(words) if f"`{word}`" not in explained] == []


def test_each_body_shown_to_consumers_is_a_good_one() -> None:
    page = (SOURCES.parent / "consumers.md").read_text(encoding="utf-8")
    shown = page.split("## Questions and statements", 1)[1].split("\n## ", 1)[0]

    asked, answered, given = re.findall(r"^\{.*?\}\}$", shown, re.MULTILINE | re.DOTALL)

    assert list(msgspec.json.decode(asked, type=AskRequest).faults()) == []
    assert list(msgspec.json.decode(answered, type=AnswerRequest).faults()) == []
    statement = msgspec.json.decode(given, type=StatementRequest)
    assert list(statement.faults(today=statement.given_on)) == []
