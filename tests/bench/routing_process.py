"""routing-api as production serves it, with the bench's legal clock and the floor of intake.

The floor is one more route of the same app: the same edge, the same token, the same decoder; it
answers bytes that it was given, and does nothing else.
"""

import asyncio
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla.http import JsonDecoder, read_body, secured_router
from kuntavayla.http.serving import serve
from kuntavayla.telemetry import configure_logging
from kuntavayla_sandbox.clock import LegalClock
from routing_api.app import create_app
from routing_api.routes.answers import PREFIX
from routing_api.routes.desk import desk_of
from routing_api.schemas import RegistrationRequest
from routing_api.settings import Settings
from tests.bench.children import read_job, tell_port

FLOOR_PATH = "/floor"


class RoutingJob(Struct, frozen=True):
    """How to serve: the clock, and what the floor answers where there is one."""

    clock: LegalClock
    floor_answer: str | None = None


def add_floor(app: FastAPI, answer: str) -> None:
    """Add the route that only validates and answers."""
    router = secured_router(PREFIX)
    decoder = JsonDecoder(RegistrationRequest)
    body = answer.encode()

    @router.post(FLOOR_PATH)
    async def register(request: Request) -> Response:
        """Validate a registration and answer the given bytes."""
        decoder.decode(await read_body(request, limits=desk_of(request).body_limits))
        return Response(body, status_code=201, media_type="application/json")

    [route] = router.routes
    route.secure("registrations.write")  # type: ignore[attr-defined]  # a secured router's route
    app.router.routes.insert(0, route)


def main() -> None:
    """Run the process: `python -m tests.bench.routing_process PIPE`, its job on its input."""
    configure_logging(service="routing-api", version=version("kuntavayla-routing-api"))
    job = read_job(RoutingJob)
    settings = Settings()
    app = create_app(settings, clock=job.clock)
    if job.floor_answer is not None:
        add_floor(app, job.floor_answer)
    loop = uvicorn.Config(app="", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(serve(app, settings, on_listening=tell_port))


if __name__ == "__main__":
    main()
