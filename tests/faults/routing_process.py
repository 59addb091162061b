"""Routing-api as a process of its own."""

from routing_api.app import create_app
from routing_api.settings import Settings
from tests.faults.service_process import serve_told


def main() -> None:
    """Serve until the process is told to end, or its starter has gone."""
    serve_told("routing-api", Settings, create_app)
