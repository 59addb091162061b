import ast
import re
from pathlib import Path

import pytest

from kuntavayla.auth import ProblemCode, Refusal
from kuntavayla.errors import DomainError, Kind
from kuntavayla.http import EDGE_PROBLEMS, item_problem, problem_codes
from kuntavayla.http.problems import TOO_MANY_LINES, page_name, status_of

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "problems"
SOURCES = [
    path
    for folder in ("shared/kuntavayla", "services", "deploy/sandbox")
    for path in (ROOT / folder).rglob("*.py")
]
LOG_CALLS = {"debug", "info", "warning", "error", "critical", "exception"}


class NoSuchThing(DomainError):
    """No such thing for this caller."""

    kind = Kind.NOT_FOUND
    code = "thing_not_found"


@pytest.mark.parametrize("problem", EDGE_PROBLEMS, ids=lambda problem: problem.code)
def test_every_problem_of_the_edge_has_a_page_of_its_title(problem: ProblemCode) -> None:
    page = PAGES / f"{page_name(problem.code, status=problem.status)}.md"

    text = page.read_text(encoding="utf-8")
    assert f"Status {problem.status}" in text
    assert f"`{problem.code}`" in text


def test_every_page_is_listed() -> None:
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", (PAGES / "README.md").read_text("utf-8")))

    assert listed == {page.name for page in PAGES.glob("*.md")} - {"README.md"}


def test_every_failure_class_of_the_process_is_among_the_codes() -> None:
    codes = {problem.code: problem for problem in problem_codes()}

    assert codes["queue_full"].is_retryable
    assert codes["thing_not_found"].status == 404
    assert codes["token_missing"].status == 401


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_status(kind: Kind) -> None:
    assert status_of(kind) in {403, 404, 409, 422, 503}


def test_an_items_problem_is_short() -> None:
    problem = item_problem(NoSuchThing())

    assert problem.type == "https://docs.kuntavayla.example/problems/not-found"
    assert (problem.title, problem.status, problem.code) == (
        "No such thing for this caller",
        404,
        "thing_not_found",
    )
    assert problem.instance is None
    assert problem.request_id is None


def test_an_items_refusal_keeps_its_code_and_a_fault_of_ours_says_nothing() -> None:
    assert item_problem(Refusal(TOO_MANY_LINES)).status == 413
    assert item_problem(KeyError("Aino")).code == "internal_fault"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_event_names_in_logs_are_constants(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id == "log" and node.func.attr in LOG_CALLS:
            [name] = node.args
            assert isinstance(name, ast.Constant)
            assert isinstance(name.value, str)
            assert re.fullmatch(r"[a-z_.]+", name.value)
