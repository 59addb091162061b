"""The catalogue of problems, for all."""

from typing import Annotated

from fastapi import APIRouter, Path
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.auth import Refusal
from kuntavayla.http import described, json_answer, secured_router
from kuntavayla.http.problems import PATH_NOT_FOUND, page_of
from kuntavayla.service.operations.problems import ProblemEntry, problems_of_release
from kuntavayla.service.schemas.problems import ProblemList, ProblemResponse


def problems_router(prefix: str) -> APIRouter:
    """Return the calls that explain problem codes, under a service's prefix."""
    router = secured_router(prefix)
    router.get("/problems", openapi_extra=described(answers={200: ProblemList}))(list_problems)
    router.get(
        "/problems/{code}",
        openapi_extra=described(answers={200: ProblemResponse}, problems=(PATH_NOT_FOUND,)),
    )(load_problem)
    return router


async def list_problems(request: Request) -> Response:  # noqa: ARG001 - the form of a route
    """List every problem code of the services, with title and advice in three languages.

    `retry` tells whether the same call helps again: `never`; `changed`, after what the advice says;
    `later`, as it is, after `Retry-After` where that is given. `mends` is who can mend it.
    """
    return json_answer(ProblemList([_problem(entry) for entry in problems_of_release()]))


async def load_problem(code: Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")]) -> Response:
    """Return one problem code, with title and advice in three languages."""
    for entry in problems_of_release():
        if entry.code == code:
            return json_answer(_problem(entry))
    raise Refusal(PATH_NOT_FOUND)


def _problem(entry: ProblemEntry) -> ProblemResponse:
    return ProblemResponse(type=page_of(entry.code, status=entry.status), **asdict(entry))
