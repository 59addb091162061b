"""The documents say what is: links lead somewhere, tables and samples equal the code."""

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from kuntavayla.auth import OPEN
from routing_api.rules.registrations import Registration
from tests.builders import EXAMPLE
from tests.releases import EVENT_TYPES, SCOPES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
ROLES = files("kuntavayla_sandbox") / "roles.toml"


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def rows_of(document: Path, *, under: str) -> list[list[str]]:
    """Return the cells of the first table behind a text, without its two heading lines."""
    lines = text_of(document).split(under, 1)[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("\\*", "*") for cell in line.strip("|").split("|")])
    return rows


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", text_of(document))

    missing = [target for target in targets if not (document.parent / target).exists()]

    assert not missing


def test_every_promise_names_tests_that_exist() -> None:
    rows = rows_of(ROOT / "README.md", under="## Promises and their tests")

    named = [re.findall(r"`(tests/[^`]+)`", row[-1]) for row in rows]
    missing = [path for paths in named for path in paths if not (ROOT / path).exists()]

    assert rows
    assert all(paths or "comes with" in row[-1] for paths, row in zip(named, rows, strict=True))
    assert not missing


def test_every_decision_record_is_listed() -> None:
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", text_of(DOCS / "decisions" / "README.md")))

    assert listed == {path.name for path in (DOCS / "decisions").glob("*.md")} - {"README.md"}


def test_the_table_of_scopes_names_every_call_with_its_scope() -> None:
    told = {
        (method, path)
        for _, calls, _ in rows_of(DOCS / "consumers.md", under="## Scopes")
        for method, path in calls_of(calls)
    }
    scopes = {
        scope
        for cell, _, _ in rows_of(DOCS / "consumers.md", under="## Scopes")
        for scope in cell.split(", ")
    }

    assert told == {call for call, scope in SCOPES.items() if scope is not OPEN}
    assert scopes == {scope for scope in SCOPES.values() if scope is not OPEN}


def calls_of(cell: str) -> list[tuple[str, str]]:
    """Return method and path of each call of a cell; the last method holds until the next."""
    calls: list[tuple[str, str]] = []
    method = ""
    for word in re.findall(r"(?:GET|POST)|/[^\s,;)]+", cell):
        if word in {"GET", "POST"}:
            method = word
        else:
            calls.append((method, template_of(word)))
    return calls


def template_of(path: str) -> str:
    """Return the route template of a path that the documents write with `{id}`."""
    noun = re.sub(r"ies$", "y", path.split("/")[1]).removesuffix("s").replace("-", "_")
    return path.replace("{id}", f"{{{noun}_id}}")


def test_the_table_of_roles_is_that_of_the_local_stack() -> None:
    [table] = tomllib.loads(ROLES.read_text())["table"]

    every = {scope for scope in SCOPES.values() if isinstance(scope, str)}
    for roles, _, cell in rows_of(DOCS / "consumers.md", under="| role in the local stack"):
        told = {scope for part in cell.split(", ") for scope in every if fits(part, scope)}
        for role in roles.split(", "):
            assert told == set(table["roles"][role]) & every, role


def fits(part: str, scope: str) -> bool:
    return scope.startswith(part[:-1]) if part.endswith("*") else scope == part


def test_the_table_of_events_names_every_type_with_its_fields() -> None:
    rows = rows_of(DOCS / "consumers.md", under="## Events")

    told = {name: tuple(fields.split(", ")) for name, _, fields in rows}

    assert told == {event.type_name: event.__struct_fields__ for event in EVENT_TYPES}


def test_the_reader_shown_is_the_one_that_is_run() -> None:
    shown = text_of(DOCS / "consumers.md").split("```python\n")[1].split("```")[0]

    assert shown == text_of(DOCS / "samples" / "poller.py")


def test_the_registration_of_the_first_ten_minutes_is_the_agreed_example() -> None:
    sample = json.loads(text_of(DOCS / "samples" / "registration.json"))

    assert sample == EXAMPLE
    assert msgspec.convert(sample, Registration).person.identity_code == "240587-921N"
