"""What `kuntavayla conformance` does on the screen."""

from collections.abc import Callable

import httpx
from rich.console import Console

from kuntavayla_sandbox.conformance.promises import PROMISES
from kuntavayla_sandbox.conformance.report import report_table, summary_line
from kuntavayla_sandbox.conformance.samples import TestClient
from kuntavayla_sandbox.conformance.trying import Finding, Result, try_all


async def check_receiver(
    url: str, *, token: str | None, test_client: TestClient, console: Console
) -> int:
    """Try every promise on a receiver and print the report; return 0 where none is broken."""
    async with httpx.AsyncClient() as client:
        findings = await try_all(
            PROMISES,
            client=client,
            url=url,
            token=token,
            test_client=test_client,
            tell=_progress(console),
        )
    console.print(report_table(findings))
    console.print(summary_line(findings))
    return 1 if any(finding.result is Result.BROKEN for finding in findings) else 0


def _progress(console: Console) -> Callable[[Finding], None]:
    def tell(finding: Finding) -> None:
        console.print(f"  {finding.result:<10}{finding.promise.sentence}", highlight=False)

    return tell
