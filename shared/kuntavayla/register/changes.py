"""Changes of the register that an operator records; they are kept by the service that applies them."""

from datetime import date
from typing import Literal

from msgspec import Struct

from kuntavayla.values.codes import MunicipalityCode


class RegisterChange(Struct, frozen=True):
    """A recorded change: the unconfirmed memberships of these municipalities are confirmed, with the reason."""

    change_id: str
    kind: Literal["confirm_memberships"]
    municipality_codes: tuple[MunicipalityCode, ...]
    reason: str
    recorded_on: date
