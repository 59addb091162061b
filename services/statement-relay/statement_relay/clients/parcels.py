"""What is put to a receiver, and the headers that the receiver contract asks of every call."""

from msgspec import Struct

PATH = "statement-information"
"""Where the receiver contract puts items, below a receiver's address."""


class Parcel(Struct, frozen=True, kw_only=True):
    """One item as it leaves: the bytes made at acceptance, never encoded anew.

    `request_id` names this attempt, `official_id` who in the municipality wrote the item.
    """

    information_id: str
    body: bytes
    digest: str
    request_id: str
    official_id: str


def contract_headers(parcel: Parcel) -> dict[str, str]:
    """Return the headers of a PUT: the same for every attempt but for the request's id."""
    return {
        "Content-Type": "application/json",
        "Content-Digest": parcel.digest,
        "Idempotency-Key": f'"{parcel.information_id}"',
        "X-Request-Id": parcel.request_id,
    }
