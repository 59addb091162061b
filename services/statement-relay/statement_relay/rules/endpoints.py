"""Where each receiver is and how it may be spoken to: the operator's file, checked whole at start.

The file is TOML: `[default]` and a table `[receivers.<id>]` each, which overrides it member by
member; `false` in place of a value takes the default's away. `{receiver_id}` in an address stands
for the receiver's id.
"""

import tomllib
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from kuntavayla.values.credentials import ClientCredentials, HttpUrl
from statement_relay.rules.clocks import BusinessHours

FilePath = Annotated[str, Meta(min_length=1, max_length=1_000)]
RECEIVER_ID = "{receiver_id}"


class EndpointsInvalid(Exception):
    """The file of receivers can not be used; the message says why and holds no secret."""


class OwnCertificate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The certificate by which we show who we are, as PEM files."""

    certificate_file: FilePath
    key_file: FilePath


class XRoadNames(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who we are and what we call on X-Road: `INSTANCE/CLASS/MEMBER/SUBSYSTEM[/SERVICE…]`."""

    client: Annotated[str, Meta(pattern=r"^[!-.0-~]+(/[!-.0-~]+){2,3}$", max_length=500)]
    service: Annotated[str, Meta(pattern=r"^[!-.0-~]+(/[!-.0-~]+){4,9}$", max_length=500)]


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One receiver; without `hours` it takes deliveries at any time.

    `concurrency` is how many calls may be under way at once and `rate_per_s` how many may begin in
    a second, by all processes together.
    """

    url: HttpUrl
    adapter: Literal["rest", "xroad"] = "rest"
    oauth2: ClientCredentials | None = None
    mtls: OwnCertificate | None = None
    xroad: XRoadNames | None = None
    authorities_file: FilePath | None = None
    rate_per_s: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 32
    hours: BusinessHours | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if (self.adapter == "xroad") != (self.xroad is not None):
            raise ValueError("adapter xroad needs the table xroad, and no other adapter has it")
        if self.mtls is not None and not self.url.startswith("https://"):
            raise ValueError("mtls needs an address with https")


class Endpoints:
    """All receivers: those named in the file, and any other where it has a default.

    A process has one, and all its parts look things up in it when they need them.
    """

    def __init__(
        self,
        default: Endpoint | None,
        named: Mapping[str, Endpoint],
        *,
        withheld: Collection[str] = (),
    ) -> None:
        self._default = default
        self._named: Mapping[str, Endpoint] = named
        self._withheld = withheld

    def become(self, newer: "Endpoints") -> None:
        """Say from now on what a newer file says."""
        self._default = newer.default
        self._named = {name: newer.named_as(name) for name in newer.named}

    @property
    def default(self) -> Endpoint | None:
        """Return what the file says of receivers that it does not name."""
        return self._default

    def named_as(self, receiver_id: str) -> Endpoint:
        """Return what the file says of a receiver that it names."""
        return self._named[receiver_id]

    @property
    def named(self) -> frozenset[str]:
        """Return the receivers that the file names."""
        return frozenset(self._named)

    def without(self, receiver_ids: Collection[str]) -> "Endpoints":
        """Return the same as it stands now, which says nothing of these receivers."""
        return (
            Endpoints(self._default, self._named, withheld=receiver_ids) if receiver_ids else self
        )

    def find(self, receiver_id: str) -> Endpoint | None:
        """Return where a receiver is, or None where the file says nothing of it."""
        if receiver_id in self._withheld:
            return None
        found = self._named.get(receiver_id, self._default)
        if found is None or RECEIVER_ID not in found.url:
            return found
        return msgspec.structs.replace(found, url=found.url.replace(RECEIVER_ID, receiver_id))


def parse_endpoints(text: str) -> Endpoints:
    """Return the receivers of a file's text; raises EndpointsInvalid for anything amiss."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise EndpointsInvalid("the file of receivers is no TOML") from None
    unknown = content.keys() - {"default", "receivers"}
    if unknown:
        raise EndpointsInvalid(f"unknown table: {', '.join(sorted(unknown))}")
    default = _table(content.get("default", {}), place="default")
    receivers = _table(content.get("receivers", {}), place="receivers")
    named = {}
    for receiver_id, own in receivers.items():
        place = f"receivers.{receiver_id}"
        merged = {**default, **_table(own, place=place)}
        kept = {name: value for name, value in merged.items() if value is not False}
        named[receiver_id] = _endpoint(kept, place=place)
    has_default = "default" in content
    return Endpoints(_endpoint(default, place="default") if has_default else None, named)


def _table(value: object, *, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EndpointsInvalid(f"{place} is no table")
    return value


def _endpoint(table: dict[str, Any], *, place: str) -> Endpoint:
    try:
        return msgspec.convert(table, Endpoint)
    except msgspec.ValidationError as error:
        # The message names place and kind of the fault; of values it quotes at most a pattern.
        raise EndpointsInvalid(f"{place}: {error}") from None
