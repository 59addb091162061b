"""Catalogues of codes, for all."""

from kuntavayla.service.routes.codes import codes_router
from kuntavayla.service.schemas.codes import PlainCodeList
from quota_ledger.routes.answers import PREFIX
from quota_ledger.rules.catalogues import CLOSED_LISTS

router = codes_router(
    PREFIX,
    names=tuple(CLOSED_LISTS),
    answer=PlainCodeList,
    told=(
        "List the codes of a closed list with their texts in three languages.\n\n"
        "Instruments, outcomes and reasons of decisions, their states and what is done to them,"
        " kinds of allocations and entries, payments, overrides, forecasts, differences."
    ),
)
