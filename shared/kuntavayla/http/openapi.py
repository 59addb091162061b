"""The OpenAPI document: msgspec's schemas for bodies and answers, problems, scopes.

Hot routes take the request alone, so FastAPI knows nothing of their bodies; `described` tells it.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from kuntavayla.auth import OPEN, ProblemCode
from kuntavayla.errors import DomainError
from kuntavayla.http.answers import CSV
from kuntavayla.http.headers import RETRY_AFTER, AlsoCsv, AnswerHeader, Headed
from kuntavayla.http.problems import Problem, status_of
from kuntavayla.http.routes import SecuredRoute

_REF_TEMPLATE = "#/components/schemas/{name}"
_SECURITY = "token"
_EVERY_CALL = (401, 403, 422, 429, 503)
_WITH_BODY = (400, 413, 415)
_WAITING = (429, 503)


class Described(dict[str, Any]):
    """The `openapi_extra` of a route, with the types whose schemas the document must hold."""

    def __init__(self, content: Mapping[str, Any], *, types: Sequence[Any]) -> None:
        super().__init__(content)
        self.types = tuple(types)


def described(  # noqa: PLR0913 - one parameter per part of the description
    *,
    body: Any = None,  # noqa: ANN401  # any type that msgspec decodes
    answers: Mapping[int, Any],
    problems: Sequence[ProblemCode | type[DomainError]] = (),
    item_problems: Sequence[type[DomainError]] = (),
    parameters: Sequence[Mapping[str, Any]] = (),
    media_type: str = "application/json",
    body_media_type: str | None = None,
) -> Described:
    """Describe a route for `openapi_extra`: body, answers, and the problems that only it has.

    `media_type` is that of body and answer both, where the body has none of its own.
    `item_problems` are those of single items or lines, in the answer of a call on many. An answer
    with headers of its own is `Headed`, one that also comes as CSV `AlsoCsv`.
    """
    content: dict[str, Any] = {
        "responses": {
            str(status): _answer(type_, media_type, item_problems=item_problems)
            for status, type_ in answers.items()
        }
    }
    statuses = {*_EVERY_CALL, *(_WITH_BODY if body is not None else ()), *map(_status, problems)}
    for status in sorted(statuses):
        codes = [problem.code for problem in problems if _status(problem) == status]
        content["responses"][str(status)] = _problem(status, codes)
    if parameters:
        content["parameters"] = [dict(parameter) for parameter in parameters]
    if body is not None:
        content["requestBody"] = _request_body(body, body_media_type or media_type)
    told = [_told(type_) for type_ in answers.values()]
    types = [type_ for type_ in (body, *told) if type_ is not None]
    return Described(content, types=types)


def build_openapi(
    app: FastAPI, *, description: str, examples: Callable[[], Mapping[str, Any]] = dict
) -> dict[str, Any]:
    """Return the document of the app's routes, with every type of `described`.

    `examples` returns a value of some of the types, by the type's name.
    """
    routes = [route for route in app.routes if isinstance(route, SecuredRoute)]
    document = get_openapi(
        title=app.title, version=app.version, description=description, routes=routes
    )
    types = [type_ for route in routes for type_ in _types_of(route)]
    _, components = _components([Problem, *types])
    kept = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        kept.pop(name, None)
    kept.update(components)
    for name, value in examples().items():
        kept[name]["examples"] = [value]
    document["components"]["securitySchemes"] = {
        _SECURITY: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    for route in routes:
        _finish(document["paths"].get(route.path_format, {}), route)
    return document


def _types_of(route: APIRoute) -> tuple[Any, ...]:
    extra = route.openapi_extra
    return extra.types if isinstance(extra, Described) else ()


def _finish(path: dict[str, Any], route: SecuredRoute) -> None:
    """Put the scope in, and FastAPI's own guesses about answers out."""
    extra = route.openapi_extra
    for method in route.methods or ():
        operation = path.get(method.lower())
        if operation is None:
            continue
        if isinstance(extra, Described):
            operation["responses"] = extra["responses"]
        else:
            operation.get("responses", {}).pop("422", None)
        if route.scope_needed is not OPEN:
            operation["security"] = [{_SECURITY: [route.scope_needed]}]


def _request_body(type_: Any, media_type: str) -> dict[str, Any]:  # noqa: ANN401  # see `described`
    form = "One JSON text a line." if media_type.endswith("ndjson") else "One JSON text."
    content = {media_type: {"schema": _schema(type_)}}
    return {"required": True, "description": form, "content": content}


def _told(type_: Any) -> Any:  # noqa: ANN401  # see `described`
    return _told(type_.type_) if isinstance(type_, Headed | AlsoCsv) else type_


def _answer(
    type_: Any,  # noqa: ANN401  # see `described`
    media_type: str,
    *,
    item_problems: Sequence[type[DomainError]],
) -> dict[str, Any]:
    if isinstance(type_, Headed):
        plain = _answer(type_.type_, media_type, item_problems=item_problems)
        return {**plain, "headers": _headers(type_.headers)}
    if isinstance(type_, AlsoCsv):
        plain = _answer(type_.type_, media_type, item_problems=item_problems)
        return {**plain, "content": {**plain["content"], CSV: {"schema": {"type": "string"}}}}
    if type_ is None:
        return {"description": "Done."}
    is_ours = isinstance(type_, type) and issubclass(type_, msgspec.Struct)
    summary = (type_.__doc__ or "Done.").strip().splitlines()[0] if is_ours else "Done."
    codes = ", ".join(sorted(problem.code for problem in item_problems))
    told = f"{summary} Codes of single items: {codes}." if codes else summary
    return {"description": told, "content": {media_type: {"schema": _schema(type_)}}}


def _problem(status: int, codes: Sequence[str]) -> dict[str, Any]:
    listed = f" Codes of this call: {', '.join(sorted(codes))}." if codes else ""
    schema = {"$ref": _REF_TEMPLATE.format(name=Problem.__name__)}
    headers = {"headers": _headers((RETRY_AFTER,))} if status in _WAITING else {}
    return {
        "description": f"{HTTPStatus(status).phrase}.{listed}",
        "content": {"application/problem+json": {"schema": schema}},
        **headers,
    }


def _headers(headers: Sequence[AnswerHeader]) -> dict[str, Any]:
    return {
        header.name: {"description": header.description, "schema": {"type": header.type_name}}
        for header in headers
    }


def _status(problem: ProblemCode | type[DomainError]) -> int:
    return problem.status if isinstance(problem, ProblemCode) else status_of(problem.kind)


def _schema(type_: Any) -> dict[str, Any]:  # noqa: ANN401  # see `described`
    (schema,), _ = _components([type_])
    return schema


def _components(types: Sequence[Any]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    return msgspec.json.schema_components(
        types, schema_hook=_schema_of_anything, ref_template=_REF_TEMPLATE
    )


def _schema_of_anything(type_: type) -> dict[str, Any]:
    """Describe `object` as any JSON; every other type is msgspec's to know."""
    if type_ is not object:
        raise NotImplementedError
    return {}
