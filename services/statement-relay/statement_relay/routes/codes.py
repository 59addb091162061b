"""Catalogues of codes, for all."""

from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.http import described, json_answer, secured_router
from statement_relay.routes.answers import PREFIX
from statement_relay.routes.desk import desk_of
from statement_relay.rules.catalogues import CatalogueName
from statement_relay.schemas.codes import CodeList

router = secured_router(PREFIX)


@router.get("/codes/{list}", openapi_extra=described(answers={200: CodeList}))
async def list_codes(request: Request, list: CatalogueName) -> Response:  # noqa: A002 - the name in the contract
    """List the codes of a catalogue with their texts in three languages.

    `information-kinds`: what a municipality may tell, from when on, who issues the statement when,
    and an example of each. `delivery-codes`: what became of a delivery, what is done about it, and
    who mends it.
    """
    return json_answer(CodeList(desk_of(request).catalogues[list]))
