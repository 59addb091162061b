"""Changes of the register that an operator records; the service that applies them keeps them."""

from datetime import date
from typing import Literal

from msgspec import Struct

from kuntavayla.values.codes import MunicipalityCode

ChangeKind = Literal["confirm_memberships"]


class RegisterChange(Struct, frozen=True):
    """A recorded change: unconfirmed memberships of these municipalities count as confirmed."""

    change_id: str
    kind: ChangeKind
    municipality_codes: tuple[MunicipalityCode, ...]
    reason: str
    recorded_on: date
