"""Catalogues of codes, for all."""

from kuntavayla.service.routes.codes import codes_router
from statement_relay.routes.answers import PREFIX
from statement_relay.rules.catalogues import CATALOGUE_NAMES
from statement_relay.schemas.codes import CodeList

router = codes_router(
    PREFIX,
    names=CATALOGUE_NAMES,
    answer=CodeList,
    told=(
        "List the codes of a catalogue with their texts in three languages.\n\n"
        "`information-kinds`: what a municipality may tell, from when on, who issues the statement"
        " when, and an example of each. `delivery-codes`: what became of a delivery, what is done"
        " about it, and who mends it. The other lists have a text for each code: states, hearings,"
        " reasons, questions, answers, outcomes, coded facts, and `fault-codes`: those of"
        " `errors[]`."
    ),
)
