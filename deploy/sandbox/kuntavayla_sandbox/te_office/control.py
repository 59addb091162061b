"""The process's HTTP interface: the contract for each receiver, its knobs, and what it holds."""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from kuntavayla_sandbox.te_office import answers, store
from kuntavayla_sandbox.te_office.calls import CURSOR_DIGITS_MAX, PAGE_MAX, Contract
from kuntavayla_sandbox.te_office.knobs import Knobs
from kuntavayla_sandbox.te_office.receivers import Receivers
from kuntavayla_sandbox.te_office.xroad import SecurityServer

BY_X_ROAD = "/r1/{instance}/{member_class}/{member}/{subsystem}/{receiver_id}"
"""Where a security server is asked for the service that has the receiver's name."""
_decode_knobs = msgspec.json.Decoder(Knobs).decode


class Control:
    """Turns the knobs and answers about the receivers of the process."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers

    async def livez(self, _: Request) -> Response:
        """Answer that the process serves."""
        return answers.json_of({"status": "alive"})

    async def status(self, _: Request) -> Response:
        """Answer how many items each receiver holds, by state, and what it answered since start."""
        async with self._receivers.pool.acquire() as connection:
            counts = await store.count_items(connection)
        totals: dict[str, dict[str, int]] = {}
        repeats: dict[str, int] = {}
        for count in counts:
            totals.setdefault(count.receiver_id, {})[count.state] = count.items
            repeats[count.receiver_id] = repeats.get(count.receiver_id, 0) + count.repeats
        answered: dict[str, dict[str, int]] = {}
        for (receiver_id, status), times in self._receivers.answered.items():
            answered.setdefault(receiver_id, {})[str(status)] = times
        return answers.json_of(
            {
                "receivers": [
                    {
                        "receiver_id": name,
                        "items": totals.get(name, {}),
                        "repeats": repeats.get(name, 0),
                        "answered": answered.get(name, {}),
                    }
                    for name in self._receivers.ids
                ]
            }
        )

    async def knobs(self, request: Request) -> Response:
        """Answer how a receiver behaves; PUT sets all knobs, those left out to rest."""
        receiver_id = request.path_params["receiver_id"]
        known = self._receivers.find_knobs(receiver_id)
        if known is None:
            return answers.problem(404, "receiver_unknown")
        if request.method == "PUT":
            try:
                known = _decode_knobs(await request.body())
            except msgspec.MsgspecError as fault:
                # These are the sandbox's own knobs: the decoder's words quote nobody's data.
                return answers.json_of({"status": 422, "detail": str(fault)}, status=422)
            await self._receivers.set_knobs(receiver_id, known)
        return answers.json_of(known)

    async def held(self, request: Request) -> Response:
        """Answer what a receiver holds, in the order of reception.

        Takes `after=`, `limit=`, and `bodies=true` for the bytes that came.
        """
        receiver_id, query = request.path_params["receiver_id"], request.query_params
        if self._receivers.find_knobs(receiver_id) is None:
            return answers.problem(404, "receiver_unknown")
        after, limit = query.get("after", "0"), query.get("limit", str(PAGE_MAX))
        is_number = after.isdecimal() and limit.isdecimal() and len(after) <= CURSOR_DIGITS_MAX
        if not is_number or not 1 <= int(limit) <= PAGE_MAX:
            return answers.problem(400, "query_malformed")
        async with self._receivers.pool.acquire() as connection:
            items = await store.list_held(
                connection,
                receiver_id,
                after=int(after),
                limit=int(limit),
                with_bodies=query.get("bodies") == "true",
            )
        cursor = str(items[-1].position) if len(items) == int(limit) else None
        return answers.json_of({"items": items, "next_cursor": cursor})


def create_app(
    receivers: Receivers, contract: Contract, *, lifespan: Lifespan[Starlette]
) -> Starlette:
    """Return the application over the receivers."""
    control = Control(receivers)
    return Starlette(
        routes=[
            Route("/livez", control.livez),
            Route("/status", control.status),
            Route("/knobs/{receiver_id}", control.knobs, methods=["GET", "PUT"]),
            Route("/held/{receiver_id}", control.held),
            *_routes_of(contract, before="/{receiver_id}"),
            *_routes_of(contract, before=BY_X_ROAD),
        ],
        lifespan=lifespan,
    )


def create_secured_app(contract: Contract, server: SecurityServer) -> Starlette:
    """Return the application behind TLS: receivers by their ids, and by their names on X-Road."""
    return Starlette(
        routes=[
            *_routes_of(server, before="/r1/{service:path}"),
            Route("/r1/{service:path}", server.other, methods=["GET", "PUT"]),
            *_routes_of(contract, before="/{receiver_id}"),
        ]
    )


def _routes_of(served: Contract | SecurityServer, *, before: str) -> list[Route]:
    """Return the two calls of the contract, behind what stands before them."""
    listing = f"{before}/statement-information"
    return [
        Route(listing, served.listing),
        Route(listing + "/{information_id}", served.put, methods=["PUT"]),
    ]
