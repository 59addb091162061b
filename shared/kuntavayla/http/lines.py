"""NDJSON, the form of bulk calls: one JSON text a line."""

from starlette.requests import Request

from kuntavayla.auth import Refusal
from kuntavayla.http.bodies import NDJSON, BodyLimits, read_body
from kuntavayla.http.problems import TOO_MANY_LINES

LINES_MAX = 10_000


async def read_lines(
    request: Request, *, limits: BodyLimits, lines_max: int = LINES_MAX
) -> list[bytes]:
    """Return the lines of an NDJSON body, gzip or plain; refuses with 400, 413 or 415."""
    body = await read_body(request, limits=limits, media_type=NDJSON)
    return split_lines(body, lines_max=lines_max)


def split_lines(body: bytes, *, lines_max: int = LINES_MAX) -> list[bytes]:
    """Return the lines without their ends; refuses with 413 above `lines_max`.

    An empty line in between is a line, so that line numbers stay those of the sender's file.
    """
    if body.count(b"\n") > lines_max:
        _refuse(lines_max)
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if len(lines) > lines_max:
        _refuse(lines_max)
    return lines


def _refuse(lines_max: int) -> None:
    raise Refusal(TOO_MANY_LINES, detail=f"The call takes at most {lines_max} lines.")
