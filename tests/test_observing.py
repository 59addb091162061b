"""What operators watch is what the service tells: metrics, alarms, runbooks, the dashboard."""

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from kuntavayla.testing import DatabaseServer
from tests.quota_ledger.service import Ledger, running_ledger
from tests.routing_api.service import Routing, running_routing
from tests.statement_relay.service import Relay, running_relay
from tests.test_documents import DOCS, ROOT, rows_of, text_of

PROMETHEUS = ROOT / "deploy" / "prometheus"
OPERATIONS = DOCS / "operations.md"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load(text_of(PROMETHEUS / "alerts.yml"))["groups"]
    for rule in group["rules"]
]
TESTS = ("alerts_test.yml", "alerts_days_test.yml")
TESTED = [group for name in TESTS for group in yaml.safe_load(text_of(PROMETHEUS / name))["tests"]]
DASHBOARD = json.loads(text_of(ROOT / "deploy" / "grafana" / "routing.json"))
METRIC = re.compile(r"\b(?:kuntavayla|process)_[a-z_]+\b")
KAFKA_AWAY = {
    "transport": "kafka",
    "kafka_bootstrap": "127.0.0.1:9",
    "kafka_security": "plaintext",
}
PARTS = {"gauge": ("",), "counter": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture(scope="module")
async def told(databases: DatabaseServer) -> AsyncIterator[dict[str, str]]:
    """The metrics that the services tell, each with a publisher, by name, with their kinds."""
    async with (
        databases.database("routing_api", role="routing_api") as of_routing,
        databases.database("statement_relay", role="statement_relay") as of_relay,
        databases.database("quota_ledger", role="quota_ledger") as of_ledger,
        running_routing(of_routing, **KAFKA_AWAY) as routing,
        running_relay(of_relay, **KAFKA_AWAY) as relay,
        running_ledger(of_ledger, **KAFKA_AWAY) as ledger,
    ):
        services = (routing, relay, ledger)
        yield {name: kind for one in services for name, kind in (await _kinds_of(one)).items()}


async def _kinds_of(service: Routing | Relay | Ledger) -> dict[str, str]:
    await service.client.get("/livez")
    port = service.app.state.metrics_port
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    kinds = re.findall(r"^# TYPE (\S+) (\S+)$", answer.text, flags=re.MULTILINE)
    return {name: kind for name, kind in kinds if not name.endswith("_created")}


def series_of(told: dict[str, str]) -> set[str]:
    return {name + part for name, kind in told.items() for part in PARTS[kind]}


def panels() -> Iterator[dict[str, Any]]:
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            yield panel


def slug_of(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def runbook_of(anchor: str) -> str:
    """Return the text under the heading of an anchor, up to the next heading."""
    parts = re.split(r"^#{2,3} (.+)$", text_of(OPERATIONS), flags=re.MULTILINE)
    found = dict(zip(map(slug_of, parts[1::2]), parts[2::2], strict=True))
    return found[anchor]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alarm_says_how_grave_it_is_and_where_its_runbook_stands(
    rule: dict[str, Any],
) -> None:
    notes = rule["annotations"]
    document, anchor = notes["runbook"].split("#")

    runbook = runbook_of(anchor)

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert notes["summary"]
    assert notes["description"]
    assert document == "docs/operations.md"
    assert re.findall(r"^- \*\*(\w+)\.\*\*", runbook, flags=re.MULTILINE) == [
        "Means",
        "Who",
        "Do",
        "Mended",
    ]


def test_every_alarm_has_a_test_in_which_it_fires_and_looks_at_which_it_does_not() -> None:
    firing = {
        group["name"]
        for group in TESTED
        if any(look.get("exp_samples") for look in group["promql_expr_test"])
        and not all(look.get("exp_samples") for look in group["promql_expr_test"])
    }

    assert firing == {rule["alert"] for rule in RULES}


async def test_alarms_ask_only_for_metrics_that_the_service_tells(told: dict[str, str]) -> None:
    asked = {rule["alert"]: set(METRIC.findall(rule["expr"])) for rule in RULES}

    missing = {alert: names - series_of(told) for alert, names in asked.items()}

    assert {alert: names for alert, names in missing.items() if names} == {}
    assert [rule["alert"] for rule in RULES if not asked[rule["alert"]]] == ["ProcessDown"]


async def test_the_dashboard_asks_only_for_metrics_that_the_service_tells(
    told: dict[str, str],
) -> None:
    asked = {
        (panel["title"], name)
        for panel in panels()
        for target in panel["targets"]
        for name in METRIC.findall(target["expr"])
    }

    assert asked
    assert {(title, name) for title, name in asked if name not in series_of(told)} == set()


async def test_the_dashboard_shows_every_metric_of_ours(told: dict[str, str]) -> None:
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])

    ours = {name for name in told if name.startswith("kuntavayla_")}

    assert {name for name in ours if name not in shown} == set()


async def test_the_table_of_metrics_names_all_and_no_others(told: dict[str, str]) -> None:
    listed = {row[0] for row in rows_of(OPERATIONS, under="## Metrics")}

    assert listed == {name for name in told if name.startswith("kuntavayla_")}


def test_every_panel_takes_the_data_source_that_is_chosen_and_its_own_place() -> None:
    sources = {panel["datasource"]["uid"] for panel in panels()}
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    [chosen] = [one for one in DASHBOARD["templating"]["list"] if one["type"] == "datasource"]

    assert sources == {f"${{{chosen['name']}}}"}
    assert len(set(ids)) == len(ids)
    assert len(set(places)) == len(places)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("NOT POSSIBLE HERE, alarm rules are not run: promtool (Debian's prometheus)")
    return subprocess.run(  # noqa: S603 - constants and files of ours
        [program, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yml"), ("test", "rules", *TESTS)])
def test_promtool_finds_the_rules_right(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments)

    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    rules = [
        {
            "record": f"panel:{number}",
            "expr": expression.replace("$instance", ".*").replace("$job", ".*"),
        }
        for number, expression in enumerate(expressions)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    done = promtool("check", "rules", str(file))

    assert done.returncode == 0, done.stdout + done.stderr
