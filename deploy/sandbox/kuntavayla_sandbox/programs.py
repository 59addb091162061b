"""The processes of a local stack, in the order in which they start: read ones before readers."""

from collections.abc import Iterable, Mapping
from datetime import date
from socket import socket

import msgspec

from kuntavayla.register import load_register
from kuntavayla_sandbox import quota_service, relay_service, routing_service
from kuntavayla_sandbox.calls import credentials_of
from kuntavayla_sandbox.case_systems import starting as case_systems
from kuntavayla_sandbox.case_systems.configuration import Configuration, Work
from kuntavayla_sandbox.ground import Addresses, Ground, Sockets
from kuntavayla_sandbox.identities import is_te_office
from kuntavayla_sandbox.processes import Program
from kuntavayla_sandbox.service_settings import Surroundings
from kuntavayla_sandbox.state import Identity
from kuntavayla_sandbox.te_office import starting as te_office

MODULES = {
    routing_service.NAME: routing_service.MODULE,
    relay_service.NAME: relay_service.MODULE,
    quota_service.NAME: quota_service.MODULE,
    te_office.NAME: te_office.MODULE,
    case_systems.NAME: case_systems.MODULE,
}


class Programs:
    """Says how each process of a stack is started."""

    def __init__(
        self, ground: Ground, at: Addresses, sockets: Sockets, *, identities: Iterable[Identity]
    ) -> None:
        self._ground = ground
        self._at = at
        self._sockets = sockets
        self._identities = tuple(identities)

    def routing_settings(self) -> dict[str, str]:
        """Return the settings of routing-api."""
        ground = self._ground
        return routing_service.environment(
            ground.server, kept=ground.kept, issuer_url=self._at.issuer, kafka=ground.kafka
        )

    def routing(self) -> Program:
        """Return routing-api."""
        return self._service(
            routing_service.NAME,
            settings=self.routing_settings(),
            listening=self._sockets.routing,
            url=self._at.routing,
        )

    def relay(self, *, receivers: Mapping[str, str]) -> Program:
        """Return statement-relay; `receivers` are those that somebody else serves, by id."""
        ground, around = self._ground, self._around(relay_service.NAME)
        receivers_file = ground.state.path / "receivers.toml"
        relay_service.write_receivers(
            receivers_file,
            simulator_url=self._at.te_office,
            secured=relay_service.SecuredSimulator(self._at.te_office_secured, ground.trust),
            own=around.own,
            given=receivers,
        )
        return self._service(
            relay_service.NAME,
            settings=relay_service.environment(
                ground.server, kept=ground.kept, around=around, receivers_file=receivers_file
            ),
            listening=self._sockets.relay,
            url=self._at.relay,
        )

    def quota(self) -> Program:
        """Return quota-ledger."""
        ground = self._ground
        return self._service(
            quota_service.NAME,
            settings=quota_service.environment(
                ground.server, kept=ground.kept, around=self._around(quota_service.NAME)
            ),
            listening=self._sockets.quota,
            url=self._at.quota,
        )

    def te_offices(self) -> Program:
        """Return the receivers of all TE offices that exist."""
        own = [each for each in self._identities if is_te_office(each.organisation)]
        configuration = te_office.configuration_line(
            self._ground.server,
            relay_url=self._at.relay_url,
            issuer_url=self._at.issuer,
            clock=self._ground.clock,
            entries=te_office.offices(own, token_url=self._at.token_url),
            trust=self._ground.trust,
        )
        return Program(
            name=te_office.NAME,
            module=te_office.MODULE,
            configuration=configuration,
            environment={},
            listening=self._sockets.te_office,
            also_listening=(self._sockets.te_office_secured,),
            ready_url=f"{self._at.te_office}/livez",
            log_file=self._ground.state.logs / f"{te_office.NAME}.log",
        )

    def case_systems(self, *, on: date, work: Work) -> Program:
        """Return the case systems in force on the day or soon after."""
        ground = self._ground
        configuration = Configuration(
            routing_url=self._at.routing_url,
            relay_url=self._at.relay_url,
            database_url=case_systems.database_url(ground.server),
            clock=ground.clock,
            work=work,
            endpoints=case_systems.endpoints(
                load_register(), on=on, identities=self._identities, token_url=self._at.token_url
            ),
            kafka=ground.kafka,
        )
        return Program(
            name=case_systems.NAME,
            module=case_systems.MODULE,
            configuration=msgspec.json.encode(configuration),
            environment={},
            listening=self._sockets.case_systems,
            ready_url=f"{self._at.case_systems}/livez",
            log_file=ground.state.logs / f"{case_systems.NAME}.log",
        )

    def _service(
        self, name: str, *, settings: dict[str, str], listening: socket, url: str
    ) -> Program:
        """Return a service of ours, which is told the legal clock."""
        return Program(
            name=name,
            module=MODULES[name],
            configuration=msgspec.json.encode(self._ground.clock),
            environment=settings,
            listening=listening,
            ready_url=f"{url}/readyz",
            log_file=self._ground.state.logs / f"{name}.log",
        )

    def _around(self, name: str) -> Surroundings:
        """Return what a service that follows routing-api is told of the other parts."""
        [identity] = [each for each in self._identities if each.name == name]
        return Surroundings(
            issuer_url=self._at.issuer,
            routing_url=self._at.routing_url,
            own=credentials_of(identity, token_url=self._at.token_url),
            kafka=self._ground.kafka,
        )
