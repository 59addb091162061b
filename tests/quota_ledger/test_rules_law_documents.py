import re
from pathlib import Path

import pytest

from quota_ledger.rules.amounts import CENTS_MAX
from quota_ledger.rules.dated import DatedRow
from quota_ledger.rules.pay_subsidy import PaySubsidyRow
from tests.quota_ledger.scenarios.cases import (
    FOLDER,
    CompetenceCase,
    Counted,
    Expected,
    Judged,
    competence_cases,
    the_tables,
)

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells
    for line in SOURCES.splitlines()
    if line.startswith("|")
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}
TABLES = the_tables()


def told(row: DatedRow) -> list[str]:
    """Return the cells in which the sources tell of a row."""
    value = f"{row.value:,} {row.unit.replace('_', ' ')}"
    if isinstance(row, PaySubsidyRow) and row.month_to:
        value += f", months {row.month_from} to {row.month_to}"
    first, last = row.period.starts_on, row.period.ends_on
    days = f"from {first}" if last is None else f"{first} to {last}"
    return [row.row_id, value, days, str(row.known_from), row.source, row.sureness]


@pytest.mark.parametrize(
    "row", [*TABLES.pay_subsidy.rows, *TABLES.start_up_grant.rows], ids=lambda row: row.row_id
)
def test_each_row_of_law_stands_in_the_sources(row: DatedRow) -> None:
    assert ROWS[row.row_id] == told(row)


def test_the_sources_name_no_row_that_is_not_in_the_tables() -> None:
    rows = [*TABLES.pay_subsidy.rows, *TABLES.start_up_grant.rows]

    named = {name for name in ROWS if name.startswith(("pay_subsidy/", "start_up_grant/"))}
    assert named == {row.row_id for row in rows}


def test_each_service_code_stands_in_the_sources() -> None:
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in TABLES.service_codes.rows:
        key = (row.instrument, row.employer or "-", row.source, row.sureness)
        groups.setdefault(key, []).append(row.service_code)

    for (instrument, employer, source, sureness), codes in groups.items():
        cells = [instrument, employer, ", ".join(codes), source, sureness]
        assert f"| {' | '.join(cells)} |" in SOURCES


def test_each_limit_of_a_decision_stands_in_the_sources() -> None:
    limits = {f"{row.value} {row.unit}" for row in TABLES.limits.rows}

    assert f"{CENTS_MAX:,} cents" in ROWS["decision-limits"][2]
    assert limits <= set(ROWS["decision-limits"][2].split("; "))
    assert {(row.sureness) for row in TABLES.limits.rows} == {"design"}


def test_each_source_that_the_rules_cite_stands_in_the_sources() -> None:
    rules = ROOT / "services/quota-ledger/quota_ledger/rules"
    cited = {
        anchor
        for path in rules.glob("*.py")
        for anchor in re.findall(r"sources\.md#([a-z-]+)", path.read_text(encoding="utf-8"))
    }

    headings = re.findall(r"^#+ (.+)$", SOURCES, re.MULTILINE)
    known = {heading.lower().replace(" ", "-") for heading in headings} | set(ROWS)
    assert cited - known == set()


def test_each_word_of_a_scenario_is_explained_to_the_clerk() -> None:
    explained = (FOLDER / "README.md").read_text(encoding="utf-8")
    fields: set[str] = set()
    for kind in (Counted, Expected, CompetenceCase, Judged):
        fields |= {*kind.__struct_encode_fields__}

    words = fields - {"name", "sentence", "expect"}
    assert competence_cases()
    assert [word for word in sorted(words) if f"`{word}`" not in explained] == []
