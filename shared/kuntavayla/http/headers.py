"""What calls and answers have beside JSON, as OpenAPI tells it: headers of our own, CSV."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class AnswerHeader(Struct, frozen=True):
    """A header of an answer."""

    name: str
    description: str
    type_name: str = "string"


class Headed(Struct, frozen=True):
    """An answer's type, and the headers that it carries besides the body."""

    type_: Any
    headers: tuple[AnswerHeader, ...]


class AlsoCsv(Struct, frozen=True):
    """An answer's type, which the caller may also have as CSV."""

    type_: Any


def _needed(name: str, description: str, **schema: object) -> Mapping[str, Any]:
    header = {"name": name, "in": "header", "required": True, "description": description}
    return {**header, "schema": {"type": "string", **schema}}


IDEMPOTENCY_KEY = _needed(
    "Idempotency-Key",
    "A key of your choice, the same on every repeat: 1 to 255 visible ASCII characters.",
    minLength=1,
    maxLength=255,
)
IF_MATCH = _needed("If-Match", "The ETag that was read.")
_OFFICIAL = (
    "On whose behalf: `sotkamo:u-1042; role=caseworker; municipality=765`, or for an office"
    " `office=te-kainuu`."
)
ACTING_OFFICIAL = _needed("Acting-Official", _OFFICIAL)
ACTING_OFFICIAL_UNLESS_IN_BODY = {
    **ACTING_OFFICIAL,
    "required": False,
    "description": f"{_OFFICIAL} Not needed where the body names the official.",
}
ACTING_OFFICIAL_IF_ANY = {**ACTING_OFFICIAL, "required": False}
LOCATION = AnswerHeader("Location", "Where the result is read.")
REPLAYED = AnswerHeader("Idempotent-Replayed", "`true` where an earlier call is answered again.")
ETAG = AnswerHeader("ETag", "The version, for If-Match.")
NEXT_CURSOR = AnswerHeader("Next-Cursor", "Where to go on, also behind an empty page.")
RETRY_AFTER = AnswerHeader("Retry-After", "Seconds until the same call may succeed.", "integer")
