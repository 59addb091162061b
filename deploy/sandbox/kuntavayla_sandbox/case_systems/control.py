"""The process's own small HTTP interface.

Is it alive, how far has it come, and what does a case system hold.
"""

from collections import Counter
from uuid import UUID

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Lifespan

from kuntavayla_sandbox.case_systems import store
from kuntavayla_sandbox.case_systems.fleet import Fleet
from kuntavayla_sandbox.case_systems.information import store as information
from kuntavayla_sandbox.case_systems.progress import total
from kuntavayla_sandbox.week import Entry, Week

PAGE_MAX = 1_000
FIRST = UUID(int=0)
DIGITS_MAX = 10

_decode_week = msgspec.json.Decoder(Week).decode
_decode_entries = msgspec.json.Decoder(list[Entry]).decode


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _parse_after(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


class Control:
    """Answers about the case systems of the process."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._names = {system.case_system_id for system in fleet.case_systems}

    async def livez(self, _: Request) -> Response:
        """Answer that the process serves."""
        return _json({"status": "alive"})

    async def status(self, _: Request) -> Response:
        """Answer how many clients passed each stage, and how far each stream is read."""
        async with self._fleet.pool.acquire() as connection:
            positions = await store.list_positions(connection)
        streams: dict[str, dict[str, str]] = {}
        for position in positions:
            streams.setdefault(position.consumer, {})[position.stream] = position.cursor
        systems = [
            {
                "case_system_id": system.case_system_id,
                "stages": {stage: entry.count for stage, entry in system.progress.stages.items()},
                "cursors": streams.get(system.case_system_id, {}),
                "problem_code": system.problem_code,
            }
            for system in self._fleet.case_systems
        ]
        stages = total([system.progress for system in self._fleet.case_systems])
        return _json({"stages": stages, "case_systems": systems})

    async def weeks(self, request: Request) -> Response:
        """Make up a week of information and begin to send it; answer how many things each sends."""
        try:
            week = _decode_week(await request.body())
        except msgspec.MsgspecError:
            return Response(status_code=422)
        return _json({"sends": await self._fleet.keep_week(week)})

    async def entries(self, request: Request) -> Response:
        """Let one case system tell some things more, behind what it tells already.

        Takes `case_system=`.
        """
        try:
            entries = _decode_entries(await request.body())
        except msgspec.MsgspecError:
            return Response(status_code=422)
        name = request.query_params.get("case_system")
        telling = next((each for each in self._fleet.tellings if each.case_system_id == name), None)
        if telling is None:
            return Response(status_code=404)
        await telling.keep(entries)
        return _json({"sends": len(entries)})

    async def told(self, _: Request) -> Response:
        """Answer how many items stand how, in all, and what a case system is refused now."""
        async with self._fleet.pool.acquire() as connection:
            counts = await information.count_information(connection)
        standing: Counter[str] = Counter()
        for count in counts:
            standing[count.standing] += count.items
        return _json(
            {
                "standing": standing,
                "delayed": sum(count.delayed for count in counts),
                "overdue": sum(count.overdue for count in counts),
                "problems": {
                    telling.case_system_id: telling.problem_code
                    for telling in self._fleet.tellings
                    if telling.problem_code is not None
                },
            }
        )

    async def information(self, request: Request) -> Response:
        """Answer what one case system told, in the order of sending.

        Takes `case_system=`, `after=`, `limit=`.
        """
        query = request.query_params
        after, limit = query.get("after", "0"), query.get("limit", str(PAGE_MAX))
        is_number = after.isdecimal() and len(after) < DIGITS_MAX and limit.isdecimal()
        if not is_number or not 1 <= int(limit) <= PAGE_MAX:
            return Response(status_code=400)
        if query.get("case_system") not in self._names:
            return Response(status_code=404)
        async with self._fleet.pool.acquire() as connection:
            items = await information.list_information(
                connection, query["case_system"], after=int(after), limit=int(limit)
            )
        next_cursor = str(items[-1].ordinal) if len(items) == int(limit) else None
        return _json({"items": items, "next_cursor": next_cursor})

    async def clients(self, request: Request) -> Response:
        """Answer what one case system holds, sorted by transfer id.

        Takes `case_system=`, `after=`, `limit=`.
        """
        query = request.query_params
        after = _parse_after(query.get("after", str(FIRST)))
        limit = query.get("limit", str(PAGE_MAX))
        if after is None or not limit.isdecimal() or not 1 <= int(limit) <= PAGE_MAX:
            return Response(status_code=400)
        if query.get("case_system") not in self._names:
            return Response(status_code=404)
        async with self._fleet.pool.acquire() as connection:
            items = await store.list_clients(
                connection, query["case_system"], after=after, limit=int(limit)
            )
        next_cursor = items[-1].transfer_id if len(items) == int(limit) else None
        return _json({"items": items, "next_cursor": next_cursor})


def create_app(fleet: Fleet, *, lifespan: Lifespan[Starlette]) -> Starlette:
    """Return the application over the case systems; they work while its lifespan runs."""
    control = Control(fleet)
    return Starlette(
        routes=[
            Route("/livez", control.livez),
            Route("/status", control.status),
            Route("/clients", control.clients),
            Route("/weeks", control.weeks, methods=["POST"]),
            Route("/entries", control.entries, methods=["POST"]),
            Route("/told", control.told),
            Route("/information", control.information),
        ],
        lifespan=lifespan,
    )
