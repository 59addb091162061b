import ast
import functools
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from kuntavayla.errors import DomainError, Kind
from tests.reach import failures_of_ours

ROOT = Path(__file__).parent.parent
SERVICES = {"routing_api", "statement_relay", "quota_ledger"}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 40
BANNED_NAMES = {"utils", "helpers", "common", "base", "manager", "misc"}
EXCEPTIONS = {
    # A migration is one list of statements as Alembic writes it, and is never edited once merged.
    ("function length", "services/routing-api/routing_api/migrations/versions"),
    ("function length", "services/statement-relay/statement_relay/migrations/versions"),
    ("function length", "services/quota-ledger/quota_ledger/migrations/versions"),
}
HOSTS = re.compile(
    r"pyp[i]\.org|pythonhoste[d]|registry\.npmj[s]|crate[s]\.io|proxy\.golan[g]|repo1?\.mave[n]"
)
MACHINE_PATHS = re.compile(r"(?<![\w.}/~-])/(?:root|home|Users|work|workspace|mnt|private)/\w")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def tracked(*patterns: str) -> list[Path]:
    """Return the files of the project, those not yet added among them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - constants
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


@functools.cache
def sources() -> Mapping[Path, ast.Module]:
    """Read when first wanted: only one worker runs these tests, and reading takes seconds."""
    return {path: ast.parse(path.read_text()) for path in tracked("*.py")}


def ours() -> Mapping[Path, ast.Module]:
    return {path: tree for path, tree in sources().items() if "tests" not in path.parts}


def functions() -> Iterator[tuple[Path, Function]]:
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield path, node


def place(path: Path, node: ast.stmt | ast.expr) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def is_excepted(rule: str, path: Path) -> bool:
    return any(rule == name and path.is_relative_to(ROOT / part) for name, part in EXCEPTIONS)


def test_no_file_is_longer_than_a_reader_bears() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sources()}

    assert [str(path) for path, length in lengths.items() if length > FILE_LINES_MAX] == []


def test_every_function_fits_one_screen() -> None:
    long = [
        f"{place(path, node)} {node.name}"
        for path, node in functions()
        if (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
        and not is_excepted("function length", path)
    ]

    assert long == []


def test_only_the_database_module_commits_and_rolls_back() -> None:
    database = ROOT / "shared/kuntavayla/database"
    calls = [
        place(path, node)
        for path, tree in ours().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
        if not path.is_relative_to(database)
    ]

    assert calls == []


@pytest.mark.parametrize("failure", failures_of_ours(), ids=lambda failure: failure.__name__)
def test_every_failure_has_a_kind_and_a_public_title(failure: type[DomainError]) -> None:
    assert isinstance(failure.kind, Kind)
    assert failure.__doc__
    assert failure.__doc__ != DomainError.__doc__


def test_every_kind_stands_in_the_table_of_each_edge() -> None:
    tables = [
        ROOT / "shared/kuntavayla" / table for table in ("http/problems.py", "inbox/flowing.py")
    ]

    missing = [
        f"{kind} in {table.name}"
        for table in tables
        for kind in Kind
        if not re.search(rf"case (?:Kind\.\w+ \| )*Kind\.{kind.name}\b", table.read_text())
    ]

    assert missing == []


def test_every_number_in_the_rules_has_its_source() -> None:
    rules = [path for path in ours() if "rules" in path.parts or path.name == "rules.py"]
    bare = [
        f"{place(path, node)} {node.name}"
        for path, node in functions()
        if path in rules and _has_bare_number(node) and not _cites(node)
    ]

    assert bare == []


def _has_bare_number(function: Function) -> bool:
    return any(
        isinstance(node, ast.Constant)
        and type(node.value) in {int, float}
        and node.value not in {0, 1}
        for statement in function.body
        for node in ast.walk(statement)
    )


def _cites(function: Function) -> bool:
    doc = ast.get_docstring(function) or ""
    return "Source:" in doc or "sources.md" in doc


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in sources() if path.stem in BANNED_NAMES] == []


def test_no_service_imports_another() -> None:
    siblings = [
        place(path, node)
        for path, tree in ours().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _imported(node)
        if name in SERVICES and "services" in path.parts and name not in path.parts
    ]

    assert siblings == []


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = (
        [node.module or ""]
        if isinstance(node, ast.ImportFrom)
        else [name.name for name in node.names]
    )
    return [name.partition(".")[0] for name in names]


def test_no_file_names_a_registry_or_a_place_on_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if HOSTS.search(line) or MACHINE_PATHS.search(line)
    ]

    assert found == []
