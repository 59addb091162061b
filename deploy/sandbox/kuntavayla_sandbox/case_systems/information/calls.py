"""What a case system asks of statement-relay: many items at once, a correction, a withdrawal."""

from collections.abc import Mapping, Sequence

import httpx
import msgspec
from msgspec import Struct

from kuntavayla_sandbox.calls import Problem, Tokens, problem_of, wait_s_of
from kuntavayla_sandbox.case_systems.information.store import Answered, ToSend
from kuntavayla_sandbox.case_systems.routing import CallRefused, RoutingAway

ANSWER_S_MAX = 60
NDJSON, JSON = "application/x-ndjson", "application/json"
FINAL_REFUSALS = frozenset({400, 403, 404, 409, 412, 422})
"""Statuses of a single call that a repeat would meet again."""
IN_PROGRESS = "in_progress"
AGAIN = frozenset({429, 503})
OFFICIAL = "system; role=import; municipality={municipality_code}"


class Taken(Struct, frozen=True):
    """The relay took an item in."""

    information_id: str
    state: str
    receiver_id: str | None = None
    digest: str | None = None


class Line(Struct, frozen=True):
    """One line of a bulk answer; the last one is the summary."""

    line: int = 0
    status: int = 0
    result: Taken | None = None
    problem: Problem | None = None
    summary: dict[str, int] | None = None


_decode_lines = msgspec.json.Decoder(Line).decode_lines
_decode_taken = msgspec.json.Decoder(Taken).decode


class RelayCalls:
    """Calls to statement-relay as one case system."""

    def __init__(
        self, client: httpx.AsyncClient, *, url: str, tokens: Tokens, municipality_code: str
    ) -> None:
        self._client = client
        self._url = url
        self._tokens = tokens
        self._official = OFFICIAL.format(municipality_code=municipality_code)

    async def send(self, told: Sequence[ToSend]) -> list[Answered]:
        """Send new items in one call; return the answers up to the first line to be sent again.

        Raises RoutingAway or CallRefused.
        """
        body = b"\n".join(each.document.encode() for each in told) + b"\n"
        answer = await self._call(
            "POST", "/information:bulk", content=body, headers={"Content-Type": NDJSON}
        )
        lines = _lines_of(answer.content)
        if lines is None or len(lines) != len(told):
            raise RoutingAway(wait_s=1.0)
        answers: list[Answered] = []
        for each, line in zip(told, lines, strict=True):
            if line.problem is not None and _is_to_repeat(line.status, line.problem):
                break
            answers.append(_answered(each.municipal_id, line.result, line.problem))
        return answers

    async def replace(self, told: ToSend) -> Answered:
        """Send a correction or a withdrawal of an item as it stands now.

        Raises RoutingAway or CallRefused.
        """
        path = f"/information/{told.replaces_information_id}"
        story = await self._call("GET", path)
        answer = await self._call(
            "POST",
            f"{path}:{told.action}",
            content=told.document.encode(),
            headers={
                "Content-Type": JSON,
                "If-Match": story.headers["ETag"],
                "Idempotency-Key": told.municipal_id,
            },
            final=FINAL_REFUSALS,
        )
        if answer.status_code in FINAL_REFUSALS:
            problem = problem_of(answer)
            if _is_to_repeat(answer.status_code, problem):
                raise RoutingAway(wait_s=wait_s_of(answer))
            return _answered(told.municipal_id, None, problem)
        return _answered(told.municipal_id, _decode_taken(answer.content), None)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        final: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        try:
            answer = await self._client.request(
                method,
                self._url + path,
                content=content,
                headers={
                    "Authorization": f"Bearer {await self._tokens()}",
                    "Acting-Official": self._official,
                    **(headers or {}),
                },
                timeout=ANSWER_S_MAX,
            )
        except httpx.TransportError as error:
            raise RoutingAway(wait_s=1.0) from error
        if answer.is_success or answer.status_code in final:
            return answer
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget()
            raise RoutingAway(wait_s=1.0)
        if answer.status_code in AGAIN or answer.is_server_error:
            raise RoutingAway(wait_s=wait_s_of(answer))
        raise CallRefused(problem_of(answer))


def _lines_of(content: bytes) -> list[Line] | None:
    """Return the lines of a complete answer without its summary; None where it is cut off."""
    try:
        lines = _decode_lines(content)
    except msgspec.MsgspecError:
        return None
    return lines[:-1] if lines and lines[-1].summary is not None else None


def _is_to_repeat(status: int, problem: Problem) -> bool:
    return status in AGAIN or problem.code in {IN_PROGRESS, "version_differs"}


def _answered(municipal_id: str, taken: Taken | None, problem: Problem | None) -> Answered:
    if taken is None:
        code = "unknown" if problem is None else problem.code
        return Answered(municipal_id=municipal_id, problem_code=code)
    return Answered(
        municipal_id=municipal_id,
        information_id=taken.information_id,
        state=taken.state,
        receiver_id=taken.receiver_id,
        digest=taken.digest,
    )
