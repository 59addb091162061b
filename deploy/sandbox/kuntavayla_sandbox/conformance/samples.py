"""The items that are sent: the contract's own example for a test client, each with its own id."""

import base64
import hashlib
import itertools
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from kuntavayla.events import new_ids_at

Document = dict[str, Any]
NONCE_BYTES = 16
FIRST_NUMBER_S = 1_600_000_000
"""Sequences begin with the seconds since then, so that a later run's are above an earlier one's."""


class TestClient(Struct, frozen=True, kw_only=True):
    """A client whom the receiver knows, and a number that it does not know."""

    __test__ = False
    client_id: str
    source_system: str
    client_number: str
    unknown_number: str


def digest_of(body: bytes) -> str:
    """Return the SHA-256 of bytes in the form of RFC 9530."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def bytes_of(item: Document) -> bytes:
    """Return an item as it is sent."""
    return json.dumps(item, separators=(",", ":"), ensure_ascii=False).encode()


class Samples:
    """Makes items about the test client, in order."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self._numbers = itertools.count(int(time.time() - FIRST_NUMBER_S) * 1_000 + 1)

    @property
    def client(self) -> TestClient:
        """Return whom the items are about."""
        return self._client

    def new(self, **changes: object) -> Document:
        """Return a new item with the next number of the client."""
        return {
            "information_id": draw_id(),
            "sequence": next(self._numbers),
            "kind": "JOB_OFFER_NOT_APPLIED",
            "action": "new",
            "replaces_information_id": None,
            "client": {
                "client_id": self._client.client_id,
                "source_system": self._client.source_system,
                "client_number": self._client.client_number,
            },
            "municipality_code": "765",
            "period": {"starts_on": "2021-03-22", "ends_on": "2021-03-22"},
            "facts": {
                "job_offer_id": "TT-5512008",
                "offered_on": "2021-03-08",
                "apply_by_on": "2021-03-22",
                "result_code": "06",
                "was_duty_to_apply": True,
            },
            "hearing": {
                "state": "answered",
                "requested_at": "2021-03-23T08:00:00Z",
                "due_on": "2021-03-30",
                "answered_at": "2021-03-24T09:12:00Z",
            },
            "occurred_at": "2021-03-22T21:59:59Z",
            "known_at": "2021-03-23T07:40:00Z",
            "author_role": "caseworker",
            "attachments": [],
            "accepted_at": "2021-03-24T11:40:02Z",
            "nonce": base64.urlsafe_b64encode(secrets.token_bytes(NONCE_BYTES)).decode()[:22],
        } | changes

    def about(self, client_number: str) -> Document:
        """Return a new item about the client of a number."""
        item = self.new()
        return item | {"client": item["client"] | {"client_number": client_number}}

    def successor(self, original: Document, *, action: str) -> Document:
        """Return an item that corrects or withdraws another one."""
        return self.new(action=action, replaces_information_id=original["information_id"])


def draw_id() -> str:
    """Return a new id of version 7."""
    return new_ids_at(datetime.now(UTC))()
