"""Statement-relay as a process of its own."""

from statement_relay.app import create_app
from statement_relay.settings import Settings
from tests.faults.service_process import serve_told


def main() -> None:
    """Serve until the process is told to end, or its starter has gone."""
    serve_told("statement-relay", Settings, create_app)
