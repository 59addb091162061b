"""What all stacks of a run stand on: server, ports, issuer, and programs whose imports are done."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from kuntavayla.register import load_register
from kuntavayla.settings import KafkaConnection
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.case_systems.configuration import Configuration, Endpoint, Work
from kuntavayla_sandbox.case_systems.tables import DATABASE as CASE_SYSTEMS
from kuntavayla_sandbox.case_systems.tables import ROLE as CASE_SYSTEMS_ROLE
from kuntavayla_sandbox.clock import LegalClock
from kuntavayla_sandbox.identities import load_scopes
from kuntavayla_sandbox.issuer import AUDIENCE, Issuer, make_signing_key
from kuntavayla_sandbox.issuer import create_app as create_issuer
from kuntavayla_sandbox.serving import address_of, bind_loopback, served_here
from kuntavayla_sandbox.state import Identity
from tests.faults import seals
from tests.faults.callers import Caller
from tests.faults.link import Link
from tests.faults.postgres import ROUTING, Postgres
from tests.faults.processes import Managed, Program

PREFIX = "/routing/v1"
DAY_ONE = datetime(2021, 3, 1, 6, 0, tzinfo=UTC)
TOKEN_LIFETIME = timedelta(seconds=20)
"""So short that the token of everybody who calls ends more than once in a campaign."""
SYSTEMS = ("cs-sotkamo", "cs-kajaani", "cs-kuhmo", "cs-tampere", "cs-oulu", "cs-pirkanmaa")
"""The case systems of the simulator here; fewer than in the sandbox, so that it starts quickly."""
BY_TOPIC = "cs-kajaani"
"""Where there is a broker, this one says by its topic alone that it has taken a client over."""


class Site(Struct, frozen=True, kw_only=True):
    """The parts that outlive a stack; only one stack at a time stands on them.

    Everybody calls routing-api through `link`; its peer, where there is one, directly.
    """

    postgres: Postgres
    issuer: Issuer
    identities: Mapping[str, Identity]
    issuer_url: str
    routing_port: int
    link: Link
    routing_url: str
    routing: Managed
    case_systems: Managed

    @property
    def token_url(self) -> str:
        """Return where identities get tokens."""
        return f"{self.issuer_url}/token"

    def settings(self) -> dict[str, Any]:
        """Return the settings of routing-api, with keys of its own."""
        return routing_settings(self.postgres, issuer_url=self.issuer_url, port=self.routing_port)

    def configuration(self, broker: KafkaConnection | None = None) -> bytes:
        """Return the configuration of the case systems, whose clock starts now."""
        on = DAY_ONE.date()
        systems = {system.case_system_id: system for system in load_register().case_systems(on=on)}
        endpoints = tuple(
            Endpoint(
                case_system_id=name,
                municipality_code=systems[name].municipality_codes(on=on)[0],
                contact_point=systems[name].contact_point,
                credentials=credentials_of(self.identities[name], token_url=self.token_url),
                work=Work.PERSONS if broker is not None and name == BY_TOPIC else None,
            )
            for name in SYSTEMS
        )
        return msgspec.json.encode(
            Configuration(
                routing_url=self.routing_url,
                database_url=self.postgres.server.url(CASE_SYSTEMS, role=CASE_SYSTEMS_ROLE),
                clock=clock_from_now(),
                work=Work.ALL,
                endpoints=endpoints,
                kafka=broker,
            )
        )

    def callers(self) -> dict[str, Caller]:
        """Return who calls for each organisation."""
        return {name: Caller(partial(self._token, name)) for name in self.identities}

    def _token(self, organisation: str) -> str:
        identity = self.identities[organisation]
        scopes = self.issuer.scopes_of(identity)
        return self.issuer.token(identity, scopes=scopes, now=datetime.now(UTC))


def routing_settings(postgres: Postgres, *, issuer_url: str, port: int) -> dict[str, Any]:
    """Return the settings of a routing-api, with keys of its own."""
    return {
        "database_url": postgres.server.url(ROUTING, role="routing_api"),
        "token_issuer": issuer_url,
        "token_audience": AUDIENCE,
        "token_jwks_url": f"{issuer_url}/jwks.json",
        "listen_port": port,
        "metrics_port": 0,
        "identity_keys": f"k1:{_key(0)}",
        "lookup_key_a": _key(0),
        "lookup_key_b": _key(1),
        "fingerprint_key": _key(2),
        "audit_signing_key": f"{seals.KEY_ID}:{base64.b64encode(seals.SECRET).decode()}",
        "is_test_code_allowed": True,
    }


def clock_from_now() -> LegalClock:
    """Return a legal clock that starts with the first day."""
    return LegalClock(DAY_ONE, datetime.now(UTC))


@asynccontextmanager
async def open_site(postgres: Postgres, logs: Path) -> AsyncIterator[Site]:
    """Give a site; its programs stand by inside the block."""
    identities = _identities()
    async with AsyncExitStack() as opened:
        at_issuer, at_routing, at_systems = (
            opened.enter_context(bind_loopback()) for _ in range(3)
        )
        issuer = Issuer(
            identities.values(),
            issuer=address_of(at_issuer),
            signing_key=make_signing_key(),
            scopes=load_scopes(on=DAY_ONE.date()),
            lifetime=TOKEN_LIFETIME,
        )
        await opened.enter_async_context(served_here(create_issuer(issuer), listening=at_issuer))
        link = await opened.enter_async_context(Link())
        link.target = address_of(at_routing).removeprefix("http://")
        routing = Program(
            module="tests.faults.routing_process",
            ready_url=f"{address_of(at_routing)}{PREFIX}/readyz",
            log_file=logs / "routing-api.log",
        )
        case_systems = Program(
            module="kuntavayla_sandbox.case_systems.__main__",
            ready_url=f"{address_of(at_systems)}/livez",
            log_file=logs / "case-systems.log",
            listening=at_systems,
        )
        yield Site(
            postgres=postgres,
            issuer=issuer,
            identities=identities,
            issuer_url=address_of(at_issuer),
            routing_port=at_routing.getsockname()[1],
            link=link,
            routing_url=f"http://{link.address}{PREFIX}",
            routing=await opened.enter_async_context(Managed(routing).standing_by()),
            case_systems=await opened.enter_async_context(Managed(case_systems).standing_by()),
        )


def _key(first: int) -> str:
    return base64.b64encode(bytes(range(first, first + 32))).decode()


def _identities() -> dict[str, Identity]:
    roles = {"te-national": "te", "te-kainuu": "te", **dict.fromkeys(SYSTEMS, "case_system")}
    return {
        name: Identity(name, name, (role,), name, f"secret-{name}") for name, role in roles.items()
    }
