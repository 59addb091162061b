"""Quota-ledger as a process of its own."""

from quota_ledger.app import create_app
from quota_ledger.settings import Settings
from tests.faults.service_process import serve_told


def main() -> None:
    """Serve until the process is told to end, or its starter has gone."""
    serve_told("quota-ledger", Settings, create_app)
