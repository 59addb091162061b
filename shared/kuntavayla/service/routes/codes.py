"""The closed lists of a service, explained in three languages, for all."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal
from kuntavayla.http import described, json_answer, secured_router
from kuntavayla.http.problems import PATH_NOT_FOUND
from kuntavayla.service.routes.desk import service_desk_of


def codes_router(prefix: str, *, names: Sequence[str], answer: Any, told: str) -> APIRouter:  # noqa: ANN401 - any type that msgspec describes
    """Return the call that explains the lists of a service, under its prefix.

    `names` are those of the desk's `code_lists`; `answer` is the type of the answer, `told` the
    public text of the call.
    """
    router = secured_router(prefix)

    async def list_codes(
        request: Request,
        list: Annotated[str, Path(json_schema_extra={"enum": [*names]})],  # noqa: A002 - the name in the contract
    ) -> Response:
        found = service_desk_of(request).code_lists.get(list)
        if found is None:
            raise Refusal(PATH_NOT_FOUND, detail=f"The lists are {', '.join(names)}.")
        return json_answer({"items": found})

    router.get(
        "/codes/{list}",
        description=told,
        openapi_extra=described(answers={200: answer}, problems=(PATH_NOT_FOUND,)),
    )(list_codes)
    return router
