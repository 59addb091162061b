"""What a service tells about itself: logs without personal data, traces, metrics."""

from kuntavayla.telemetry.fields import SHARED_FIELDS, Shape, looks_like_identity_code
from kuntavayla.telemetry.jobs import Jobs, JobState
from kuntavayla.telemetry.logs import Log, configure_logging, log
from kuntavayla.telemetry.metrics import (
    BatchMetrics,
    LaneMetrics,
    MetricsServer,
    RequestMetrics,
    start_metrics_server,
)
from kuntavayla.telemetry.traces import (
    Trace,
    current_trace,
    enter_trace,
    new_traceparent,
    trace_of,
)

__all__ = [
    "SHARED_FIELDS",
    "BatchMetrics",
    "JobState",
    "Jobs",
    "LaneMetrics",
    "Log",
    "MetricsServer",
    "RequestMetrics",
    "Shape",
    "Trace",
    "configure_logging",
    "current_trace",
    "enter_trace",
    "log",
    "looks_like_identity_code",
    "new_traceparent",
    "start_metrics_server",
    "trace_of",
]
