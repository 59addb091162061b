"""The command `kuntavayla conformance`: its options, and what it does on the screen."""

import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import httpx
import typer
from msgspec import Struct
from rich.console import Console

from kuntavayla_sandbox.conformance.promises import PROMISES
from kuntavayla_sandbox.conformance.receiver import Access, XRoadNames
from kuntavayla_sandbox.conformance.report import report_table, summary_line
from kuntavayla_sandbox.conformance.samples import TestClient
from kuntavayla_sandbox.conformance.trying import Finding, Result, try_all
from kuntavayla_sandbox.terminal import make_console, run

KNOWN_CLIENT = "0177ec61-3ab9-7893-923f-0824128b2f33"
KNOWN_NUMBER = "URA-C-0088123"
"""The client of the contract's examples."""
X_ROAD_CLIENT = re.compile(r"[^/\s]+(/[^/\s]+){2,3}")
X_ROAD_SERVICE = re.compile(r"[^/\s]+(/[^/\s]+){4,9}")


class Role(StrEnum):
    """What a counterpart may be."""

    TE_OFFICE = "te-office"


class Certificates(Struct, frozen=True, kw_only=True):
    """PEM files: whom to trust, and the pair to show; the machine's authorities, and none."""

    authorities: Path | None = None
    own: tuple[Path, Path] | None = None

    def stranger(self) -> ssl.SSLContext:
        """Return the TLS of one who shows nothing; raises OSError where a file is no good."""
        return ssl.create_default_context(cafile=self.authorities)

    def known(self) -> ssl.SSLContext:
        """Return the TLS of one who shows the pair; raises OSError where a file is no good."""
        context = self.stranger()
        if self.own is not None:
            context.load_cert_chain(*self.own)
        return context


T = TypeVar("T")
Url = Annotated[
    str,
    typer.Option(
        help="Where /statement-information stands below; over X-Road the security server."
    ),
]
CertificateFile = Annotated[
    Path | None, typer.Option("--certificate", help="A client's certificate, PEM.")
]
KeyFile = Annotated[Path | None, typer.Option("--key", help="The key of --certificate, PEM.")]
AuthoritiesFile = Annotated[
    Path | None,
    typer.Option("--authorities", help="Whom to trust, PEM; else the machine's authorities."),
]
XRoadClient = Annotated[
    str | None,
    typer.Option(metavar="INSTANCE/CLASS/MEMBER/SUBSYSTEM", help="Who calls over X-Road."),
]
XRoadService = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE[/…]", help="What is called over it."
    ),
]


def conformance(  # noqa: PLR0913 - one for each option
    *,
    role: Annotated[Role, typer.Option(help="What the counterpart is.")],
    url: Url,
    token: Annotated[str | None, typer.Option(help="A bearer token that it takes.")] = None,
    certificate: CertificateFile = None,
    key: KeyFile = None,
    authorities: AuthoritiesFile = None,
    x_road_client: XRoadClient = None,
    x_road_service: XRoadService = None,
    client_id: Annotated[str, typer.Option(help="A test client that it knows.")] = KNOWN_CLIENT,
    source_system: Annotated[str, typer.Option(help="The TE system of its number.")] = "ura",
    client_number: Annotated[str, typer.Option(help="That client's number.")] = KNOWN_NUMBER,
    unknown_number: Annotated[str, typer.Option(help="A number of nobody.")] = "UNKNOWN-1",
) -> None:
    """Try each promise of the receiver contract on a TE system, and print a report.

    Items about the test client are put there: never run it against a system in production.
    """
    assert role is Role.TE_OFFICE, "the only role so far"
    test_client = TestClient(
        client_id=client_id,
        source_system=source_system,
        client_number=client_number,
        unknown_number=unknown_number,
    )
    pair = _both(certificate, key, names="--certificate and --key")
    certificates = _usable(Certificates(authorities=authorities, own=pair))
    x_road = _names_of(_both(x_road_client, x_road_service, names="both X-Road options"))
    access = _access(url, token=token, certificates=certificates, x_road=x_road)
    run(_check(access, test_client=test_client, console=make_console()))


def _usable(certificates: Certificates) -> Certificates:
    """Return them where their files can be read and belong together."""
    try:
        certificates.known()
    except OSError as error:
        raise typer.BadParameter(
            f"A certificate cannot be used: {error}", param_hint="--certificate"
        ) from None
    return certificates


def _both(first: T | None, second: T | None, *, names: str) -> tuple[T, T] | None:
    """Return both or None; one without the other is refused."""
    if first is None and second is None:
        return None
    if first is None or second is None:
        raise typer.BadParameter(f"Give {names} together.", param_hint=names)
    return first, second


def _names_of(pair: tuple[str, str] | None) -> XRoadNames | None:
    if pair is None:
        return None
    client, service = pair
    if not X_ROAD_CLIENT.fullmatch(client) or not X_ROAD_SERVICE.fullmatch(service):
        raise typer.BadParameter(
            "Names on X-Road are INSTANCE/CLASS/MEMBER/SUBSYSTEM, and for a service /SERVICE.",
            param_hint="both X-Road options",
        )
    return XRoadNames(client, service)


@asynccontextmanager
async def _access(
    url: str, *, token: str | None, certificates: Certificates, x_road: XRoadNames | None
) -> AsyncIterator[Access]:
    """Give the ways to the receiver inside the block."""
    async with (
        httpx.AsyncClient(verify=certificates.known()) as client,
        httpx.AsyncClient(verify=certificates.stranger()) as stranger,
    ):
        yield Access(
            client=client,
            url=url,
            token=token,
            x_road=x_road,
            stranger=None if certificates.own is None else stranger,
        )


async def _check(
    access: AbstractAsyncContextManager[Access], *, test_client: TestClient, console: Console
) -> int:
    """Try every promise on a receiver and print the report; return 0 where none is broken."""
    async with access as opened:
        findings = await try_all(
            PROMISES, access=opened, test_client=test_client, tell=_progress(console)
        )
    console.print(report_table(findings))
    console.print(summary_line(findings))
    return 1 if any(finding.result is Result.BROKEN for finding in findings) else 0


def _progress(console: Console) -> Callable[[Finding], None]:
    def tell(finding: Finding) -> None:
        console.print(f"  {finding.result:<10}{finding.promise.sentence}", highlight=False)

    return tell
