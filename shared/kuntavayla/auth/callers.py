"""The caller: an organisation of the register with the scopes of its token."""

from dataclasses import dataclass
from typing import Protocol

from kuntavayla.auth.refusals import CALLER_KIND_REFUSED, SCOPE_MISSING, Refusal
from kuntavayla.register import OrganisationKind


class KnownOrganisation(Protocol):
    """What the register tells about an organisation."""

    @property
    def organisation_id(self) -> str:
        """Its id in the register, the same as in its token."""

    @property
    def kind(self) -> OrganisationKind:
        """What it is to the services."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: organisation, its kind, and what its token allows."""

    organisation: str
    kind: OrganisationKind
    scopes: frozenset[str]
    roles: frozenset[str]


def require_scope(caller: Caller, scope: str) -> None:
    """Refuse with 403 `scope_missing` unless the token has the scope."""
    if scope not in caller.scopes:
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        raise Refusal(
            SCOPE_MISSING,
            detail=f"The call needs the scope {scope}.",
            headers={"WWW-Authenticate": challenge},
        )


def require_kind(caller: Caller, *kinds: OrganisationKind) -> None:
    """Refuse with 403 `caller_kind_refused` unless the caller is of one of the kinds."""
    if caller.kind not in kinds:
        raise Refusal(CALLER_KIND_REFUSED)
