"""Quota-ledger as a process of the stack."""

from kuntavayla_sandbox.service_process import run_service
from quota_ledger.app import create_app
from quota_ledger.settings import Settings


def main() -> None:
    """Run the process: `python -m kuntavayla_sandbox.quota_process DESCRIPTOR`."""
    run_service("quota-ledger", make_app=lambda clock: create_app(Settings(), clock=clock))


if __name__ == "__main__":
    main()
