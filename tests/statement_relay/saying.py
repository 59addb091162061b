"""What receivers and operators say of items by calls of their own."""

from statement_relay.rules.digests import digest_of
from tests.served import Json
from tests.statement_relay.deliveries import Queued

WHY = {
    "reason": "Sovittu TE-toimiston kanssa",
    "acting_official": {"official_id": "keha:op-1", "role": "operator"},
}


def receipt_told(item: Queued, **changes: Json) -> Json:
    """Return the receipt that a receiver sends later; what is changed to None is left out."""
    receipt = {
        "information_id": item.information_id,
        "digest": digest_of(item.body),
        "result": "received",
        "receipt_id": "R-7",
        "received_at": "2021-03-24T11:45:00Z",
    }
    return {name: value for name, value in {**receipt, **changes}.items() if value is not None}
