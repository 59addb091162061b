"""quota-ledger as production serves it, with the bench's legal clock."""

import asyncio
from importlib.metadata import version

from msgspec import Struct

from kuntavayla.http.serving import serve
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.serving import loop_factory
from quota_ledger.app import create_app
from quota_ledger.settings import Settings
from tests.bench.children import read_job, tell_port


class LedgerJob(Struct, frozen=True):
    """How to serve: by which legal clock; the settings come by the environment."""

    clock: LegalClock


def main() -> None:
    """Run the process: `python -m tests.bench.ledger_process PIPE`, its job on its input."""
    configure_logging(service="quota-ledger", version=version("kuntavayla-quota-ledger"))
    job = read_job(LedgerJob)
    settings = Settings()
    app = create_app(settings, clock=job.clock)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(app, settings, on_listening=tell_port))


if __name__ == "__main__":
    main()
