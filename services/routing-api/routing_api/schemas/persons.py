"""Personal data by transfer."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.http import Problem
from kuntavayla.service.schemas.limits import CALL_ITEMS_MAX, Id
from kuntavayla.values.officials import ActingOfficial, Purpose
from routing_api.operations.profiles import ProfileService
from routing_api.rules.registrations import Contact, OpenMatter, Plan


class FetchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose data a case system needs, for what, on whose behalf."""

    purpose: Purpose
    transfer_ids: Annotated[list[Id], Meta(min_length=1, max_length=CALL_ITEMS_MAX)]
    acting_official: ActingOfficial | None = None


class FetchedPerson(Struct, frozen=True, kw_only=True):
    """The person: identity, contact, how to serve them; no citizenship, no mother tongue."""

    identity_code: str
    family_name: str
    given_names: str
    service_language_code: str
    has_interpreter_need: bool
    has_security_ban: bool
    contact: Contact


class FetchedItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One person disclosed, or the refusal, which is alike for unknown and not yours."""

    transfer_id: str
    result: Literal["disclosed", "refused"]
    disclosure_id: str | None = None
    client_id: str | None = None
    clienthood_version: int | None = None
    person: FetchedPerson | None = None
    service: ProfileService | None = None
    plans: Sequence[Plan] | None = None
    open_matters: Sequence[OpenMatter] | None = None
    source_client_number: str | None = None
    problem: Problem | None = None


class FetchResponse(Struct, frozen=True):
    """One person or refusal per transfer, in order."""

    items: Sequence[FetchedItem]
