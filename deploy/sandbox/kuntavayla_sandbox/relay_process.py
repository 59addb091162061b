"""Statement-relay as a process of the stack."""

from kuntavayla_sandbox.service_process import run_service
from statement_relay.app import create_app
from statement_relay.settings import Settings


def main() -> None:
    """Run the process: `python -m kuntavayla_sandbox.relay_process DESCRIPTOR`."""
    run_service("statement-relay", make_app=lambda clock: create_app(Settings(), clock=clock))


if __name__ == "__main__":
    main()
