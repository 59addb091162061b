"""What the questions about accounts are asked by: parameters that several lists share."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Query

from quota_ledger.rules.accounts import Instrument

Format = Literal["json", "csv"]
AskedFormat = Annotated[
    Format, Query(alias="format", description="`json`, or `csv` for a spreadsheet.")
]
AskedFirstDay = Annotated[
    date | None, Query(alias="from", description="Entries that count for this day and later.")
]
AskedLastDay = Annotated[
    date | None, Query(alias="to", description="Entries that count for this day and before.")
]
AskedArea = Annotated[str | None, Query(max_length=32, description="Of one area.")]
AskedInstrument = Annotated[Instrument | None, Query(description="Of one instrument.")]
AskedYear = Annotated[int | None, Query(ge=2000, le=2100, description="Of one budget year.")]
AskedDay = Annotated[date | None, Query(description="What counts for this day and before.")]
AskedInstant = Annotated[
    datetime | None, Query(description="What was booked by this instant, with its offset.")
]
AskedThreshold = Annotated[
    int | None, Query(ge=1, le=100, description="Only what is used to so many per cent.")
]
