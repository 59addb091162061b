from urllib.request import urlopen
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from kuntavayla.telemetry import BatchMetrics, RequestMetrics, start_metrics_server, trace_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        PARENT.upper(),
        PARENT + "\n",
        "240587-921N",
    ],
)
def test_a_traceparent_that_is_not_valid_starts_a_new_trace(traceparent: str | None) -> None:
    trace = trace_of(None, traceparent)

    assert trace.trace_id != PARENT[3:35]
    assert len(trace.traceparent) == len(PARENT)


def test_a_valid_traceparent_is_continued_with_a_span_of_our_own() -> None:
    trace = trace_of(None, PARENT)

    assert trace.trace_id == PARENT[3:35]
    assert trace.traceparent[36:52] != PARENT[36:52]
    assert trace.traceparent.endswith("-01")


@pytest.mark.parametrize("given", [None, "", "240587-921N", "x" * 4_000])
def test_a_request_id_that_is_no_uuid_is_replaced(given: str | None) -> None:
    made = trace_of(given, None).request_id

    assert made != given
    assert UUID(made).version == 4


def test_a_request_id_of_the_caller_is_kept() -> None:
    given = "c0f1c6f2-8a0e-4d3b-9a5e-6a3b2f0f7c11"

    assert trace_of(given, None).request_id == given


def test_metrics_are_served_on_a_port_of_their_own() -> None:
    registry = CollectorRegistry()
    RequestMetrics(registry).observe(("POST", "/routing/v1/registrations", 201), seconds=0.004)
    BatchMetrics(registry).lane("register", "single").observe_size(3)
    server = start_metrics_server(0, registry=registry, host="127.0.0.1")

    with urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        text = answer.read().decode()
    server.close()

    assert 'route="/routing/v1/registrations",status="201"} 1.0' in text
    assert 'kuntavayla_batch_items_sum{lane="single",operation="register"} 3.0' in text


def test_a_made_up_method_makes_no_new_label() -> None:
    registry = CollectorRegistry()
    metrics = RequestMetrics(registry)

    for number in range(5):
        metrics.observe((f"METHOD{number}", "unmatched", 405), seconds=0.1)

    labels = {"method": "other", "route": "unmatched", "status": "405"}
    assert registry.get_sample_value("kuntavayla_http_requests_total", labels) == 5
