"""What an account is of: an area or a municipality in it, an instrument, a budget year."""

from typing import Literal

from msgspec import Struct

Instrument = Literal["PAY_SUBSIDY", "START_UP_GRANT", "TRAINING", "COACHING"]


class AccountKey(Struct, frozen=True, order=True):
    """What names an account; `municipality_code` is empty for the account of the whole area."""

    area_code: str
    municipality_code: str
    instrument: str
    budget_year: int
