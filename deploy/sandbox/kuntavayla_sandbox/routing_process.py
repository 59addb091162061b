"""Routing-api as a process of the stack."""

from kuntavayla_sandbox.service_process import run_service
from routing_api.app import create_app
from routing_api.settings import Settings


def main() -> None:
    """Run the process: `python -m kuntavayla_sandbox.routing_process DESCRIPTOR`."""
    run_service("routing-api", make_app=lambda clock: create_app(Settings(), clock=clock))


if __name__ == "__main__":
    main()
