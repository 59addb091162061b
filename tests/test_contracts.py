import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from kuntavayla.auth import ProblemCode
from kuntavayla.http import EDGE_PROBLEMS, problem_codes
from kuntavayla.http.problems import page_name
from kuntavayla.service.operations.problems import problems_of_release
from tests.reach import Reached, failures_of_ours, status_of_failure
from tests.releases import RELEASES, ROOT, SCOPES, Release
from tests.snapshots import SETTINGS_PAGE, snapshots

SNAPSHOTS = snapshots()
OPENAPI: dict[str, Any] = {
    release.name: json.loads(SNAPSHOTS[release.folder / "openapi.json"]) for release in RELEASES
}
ROUTES = [(release, route) for release in RELEASES for route in release.routes]
EVENTS = [(release, event) for release in RELEASES for event in release.event_types]
SETTINGS = [
    (release, name) for release in RELEASES for name in sorted(release.settings_type.model_fields)
]
PAGES = ROOT / "docs" / "problems"
ROLES = ROOT / "deploy" / "sandbox" / "kuntavayla_sandbox" / "roles.toml"
CODES_OF_OURS = {failure.code for failure in failures_of_ours() if "code" in vars(failure)}
CODES = CODES_OF_OURS | {problem.code for problem in EDGE_PROBLEMS}
PROBLEMS = [problem for problem in problem_codes() if problem.code in CODES]
OF_KEYS = {"idempotency_key_reused", "in_progress"}
OF_SUCCESSORS = {
    "information_not_found",
    "already_replaced",
    "information_ended",
    "version_differs",
}
OF_TOPICS = {"only_by_rest"}
NOT_MET = {
    ("POST", "/routing/v1/registrations:bulk"): OF_KEYS,
    ("POST", "/relay/v1/information:bulk"): OF_KEYS | OF_SUCCESSORS | OF_TOPICS,
    ("POST", "/relay/v1/information"): OF_SUCCESSORS | OF_TOPICS,
    ("POST", "/relay/v1/information/{information_id}:correct"): OF_TOPICS,
    ("POST", "/relay/v1/information/{information_id}:withdraw"): OF_TOPICS | {"responsible_other"},
}
"""Failures that the code could meet and the call cannot.

A bulk call takes no key; one batch takes new items, which replace nothing, withdrawals, which are
nobody else's to send, and what came by a topic.
"""
OPEN_PATHS = ("/livez", "/readyz", "/version", "/docs", "/openapi.json", "/asyncapi.json")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def named(value: object) -> str:
    """Return how a case is called: a service, a route's path, an event, or a text."""
    if isinstance(value, Release):
        return value.name
    if isinstance(value, APIRoute):
        return f"{','.join(sorted(value.methods or ()))} {value.path}"
    return str(getattr(value, "type_name", None) or value)


def operations_of(release: Release, route: APIRoute) -> list[dict[str, Any]]:
    path = OPENAPI[release.name]["paths"][route.path_format]
    return [path[method.lower()] for method in sorted(route.methods or ())]


@pytest.mark.parametrize("path", SNAPSHOTS, ids=relative)
def test_the_committed_contract_is_what_the_code_generates(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == SNAPSHOTS[path], "run `make snapshots`"


def test_no_schema_stays_behind_when_its_event_has_gone() -> None:
    kept = {path for each in RELEASES for path in (each.folder / "schemas").rglob("*.json")}

    assert kept <= set(SNAPSHOTS)


def base_of_release() -> str:
    """Return the newest release's tag; before the first release, what is committed."""
    command = ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - constants
    return told.stdout.strip() or "HEAD"


def committed(path: str, *, base: str) -> str | None:
    command = ["git", "show", f"{base}:{path}"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - constants
    return told.stdout if told.returncode == 0 else None


def breaks_of(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the earlier schema of an event would miss in the later one."""
    found = [
        f"{name} is no longer sure" for name in earlier["required"] if name not in later["required"]
    ]
    for name, member in earlier["properties"].items():
        other = later["properties"].get(name)
        if other is None:
            found.append(f"{name} has gone")
        elif _type_of(member) != _type_of(other):
            found.append(f"{name} has another type")
    return found


def _type_of(member: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return what a reader relies on; new values of an enumeration are additive."""
    if "enum" in member:
        return {type(value).__name__ for value in member["enum"]}
    if "anyOf" in member:
        return sorted(map(str, map(_type_of, member["anyOf"])))
    if member.get("type") == "array":
        return ["array", _type_of(member["items"]) if isinstance(member.get("items"), dict) else ""]
    return member.get("type"), member.get("format")


@pytest.mark.parametrize(("release", "event"), EVENTS, ids=named)
def test_an_event_changes_only_by_addition_within_its_version(
    release: Release, event: type
) -> None:
    name: str = event.type_name  # type: ignore[attr-defined]
    path = relative(release.folder / "schemas" / name / "1.json")
    earlier = committed(path, base=base_of_release())

    later = release.documents().schemas[name, "1"]

    assert earlier is None or breaks_of(json.loads(earlier), later) == []


A_SCHEMA: dict[str, Any] = {
    "properties": {"client_id": {"type": "string"}, "cause": {"enum": ["move"]}},
    "required": ["client_id", "cause"],
}


@pytest.mark.parametrize(
    ("properties", "required", "broken"),
    [
        ({"client_id": {"type": "string"}}, ["client_id"], 2),
        ({**A_SCHEMA["properties"], "client_id": {"type": "integer"}}, A_SCHEMA["required"], 1),
        (A_SCHEMA["properties"], ["client_id"], 1),
        ({**A_SCHEMA["properties"], "new": {"type": "null"}}, [*A_SCHEMA["required"], "new"], 0),
        ({**A_SCHEMA["properties"], "cause": {"enum": ["a", "move"]}}, A_SCHEMA["required"], 0),
    ],
    ids=["removal", "another type", "no longer sure", "addition", "another value"],
)
def test_a_change_that_breaks_readers_is_seen(
    properties: dict[str, Any], required: list[str], *, broken: int
) -> None:
    later = {"properties": properties, "required": required}

    assert len(breaks_of(A_SCHEMA, later)) == broken


def test_a_contract_that_changed_since_the_release_stands_in_the_changelog() -> None:
    base = base_of_release()
    released = {path: committed(relative(path), base=base) for path in SNAPSHOTS}
    changed = [path for path, text in released.items() if text not in {None, SNAPSHOTS[path]}]

    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert base == "HEAD" or not changed or log != committed("CHANGELOG.md", base=base)


@pytest.mark.parametrize(("release", "route"), ROUTES, ids=named)
def test_every_failure_that_a_route_can_meet_is_declared(release: Release, route: APIRoute) -> None:
    reached = Reached(route.endpoint)
    calls = {(method, route.path) for method in route.methods or ()}

    for operation in operations_of(release, route):
        told = json.dumps(operation["responses"])
        not_met = {code for call, codes in NOT_MET.items() if call in calls for code in codes}
        statuses = {
            str(status_of_failure(failure))
            for failure in reached.failures()
            if failure.code not in not_met
        }
        codes = {failure.code for failure in reached.named()} - not_met
        assert statuses <= set(operation["responses"])
        assert [code for code in sorted(codes) if code not in told] == []


def test_the_walk_through_the_code_sees_what_it_must() -> None:
    [register] = [route for _, route in ROUTES if route.path == "/routing/v1/registrations"]

    reached = Reached(register.endpoint)

    codes = {failure.code for failure in reached.failures()}
    assert {"registration_id_reused", "office_not_yours", "idempotency_key_missing"} <= codes


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_every_problem_has_a_page_that_says_what_to_do(problem: ProblemCode) -> None:
    page = PAGES / f"{page_name(problem.code, status=problem.status)}.md"

    text = page.read_text(encoding="utf-8")

    assert f"Status {problem.status}" in text
    assert f"`{problem.code}`" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[:3] == [
        "What it means",
        "Does it help to send it again?",
        "Who mends it?",
    ]


def test_the_catalogue_has_a_row_for_every_problem_and_for_no_other() -> None:
    told = [
        (entry.code, entry.status, entry.title.en.removesuffix("."))
        for entry in problems_of_release()
    ]

    assert told == sorted((one.code, one.status, one.title) for one in PROBLEMS)


def test_the_list_of_pages_names_every_problem_and_no_other() -> None:
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \| \[.*\]\((.*)\.md\) \|$",
        (PAGES / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )

    pages = {page_name(one.code, status=one.status) for one in PROBLEMS}
    assert {path.stem for path in PAGES.glob("*.md")} == pages | {"README"}
    assert sorted(rows) == sorted(
        {
            (str(one.status), page.replace("-", "_"), page)
            for one in PROBLEMS
            for page in [page_name(one.code, status=one.status)]
        }
    )


def test_every_setting_stands_in_the_table_that_the_readme_names() -> None:
    page = SETTINGS_PAGE.read_text(encoding="utf-8")

    missing = [
        name
        for release, name in SETTINGS
        if f"`{release.settings_type.model_config['env_prefix']}{name.upper()}`" not in page
    ]

    assert missing == []
    assert "docs/settings.md" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("release", "name"), SETTINGS, ids=named)
def test_every_setting_has_an_effect(release: Release, name: str) -> None:
    sources = [*release.folder.rglob("*.py"), *(ROOT / "shared").rglob("*.py")]
    read = re.compile(rf"\b(settings|self)\.{name}\b")

    assert any(read.search(path.read_text(encoding="utf-8")) for path in sources)


def test_every_route_has_a_scope_and_every_scope_its_row_for_consumers() -> None:
    page = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1:3] for row in page.splitlines() if row.startswith("| ")]
    told = {(scope.strip(), calls) for scopes, calls in rows for scope in scopes.split(",")}

    missing = [
        f"{method} {path}: {scope}"
        for (method, path), scope in SCOPES.items()
        if not any(scope == name and _short(path) in calls for name, calls in told)
    ]

    assert missing == []


def _short(path: str) -> str:
    return re.sub(r"{\w+_id}", "{id}", path)


def test_the_roles_of_the_local_stack_name_only_scopes_that_calls_have() -> None:
    tables = tomllib.loads(ROLES.read_text(encoding="utf-8"))["table"]

    given = {scope for table in tables for scopes in table["roles"].values() for scope in scopes}

    assert given == set(SCOPES.values())


@pytest.mark.parametrize("release", RELEASES, ids=named)
def test_every_call_of_the_document_needs_a_token_of_one_scope(release: Release) -> None:
    calls = {
        (method.upper(), path.removeprefix(release.prefix)): call["security"]
        for path, methods in OPENAPI[release.name]["paths"].items()
        for method, call in methods.items()
    }

    assert calls == {call: [{"token": [scope]}] for call, scope in release.scopes.items()}


@pytest.mark.parametrize("release", RELEASES, ids=named)
def test_the_document_leads_nowhere_that_does_not_exist(release: Release) -> None:
    document = OPENAPI[release.name]
    schemas = document["components"]["schemas"]

    told = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))

    assert told <= set(schemas)
    assert "HTTPValidationError" not in schemas


@pytest.mark.parametrize("release", RELEASES, ids=named)
def test_what_needs_no_token_is_what_the_contract_lists(release: Release) -> None:
    paths = {getattr(route, "path", "") for route in release.app().routes}

    assert {path for path in OPEN_PATHS if path not in paths} == set()


def test_no_event_says_who_somebody_is() -> None:
    personal = {"name", "identity", "email", "phone", "address", "ground", "born"}

    members = {
        member
        for release in RELEASES
        for schema in release.documents().schemas.values()
        for member in schema["properties"]
    }

    assert {member for member in members if personal & set(member.split("_"))} == set()
