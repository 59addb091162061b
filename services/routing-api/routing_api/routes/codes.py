"""Catalogues of codes, for all."""

from kuntavayla.service.routes.codes import codes_router
from kuntavayla.service.schemas.codes import PlainCodeList
from routing_api.operations.catalogues import CLOSED_LISTS
from routing_api.routes.answers import PREFIX

router = codes_router(
    PREFIX,
    names=tuple(CLOSED_LISTS),
    answer=PlainCodeList,
    told=(
        "List the codes of a closed list with their texts in three languages.\n\n"
        "Outcomes and grounds of decisions, reasons and states of reviews, causes and states of"
        " transfers, channels of notices, groups of data that change, employment codes."
    ),
)
