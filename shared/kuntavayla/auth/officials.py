"""The official on whose behalf a call is made, from body or header (contracts.md, "Who acts")."""

from collections.abc import Mapping

import msgspec

from kuntavayla.auth.refusals import OFFICIAL_MALFORMED, OFFICIAL_MISSING, Refusal
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial

HEADER = "Acting-Official"
X_ROAD_HEADER = "X-Road-UserId"
_HEADER_LENGTH_MAX = 256
_FIELDS = {"role": "role", "municipality": "municipality_code", "office": "office"}
_FORM = (
    "Give the header as: Acting-Official: sotkamo:u-1042; role=caseworker; municipality=765,"
    " or for an office: office=te-kainuu."
)

_NO_IDENTITY_CODE = "Name the official by an id that holds no personal identity code."


def parse_official(text: str) -> ActingOfficial:
    """Return the official of the header's text; refuses with 400 `acting_official_malformed`."""
    official_id, *parts = (part.strip() for part in text.split(";"))
    fields: dict[str, str] = {"official_id": official_id}
    for part in parts:
        name, sign, value = part.partition("=")
        field = _FIELDS.get(name)
        if not sign or field is None or field in fields:
            raise Refusal(OFFICIAL_MALFORMED, detail=_FORM)
        fields[field] = value
    try:
        official = msgspec.convert(fields, ActingOfficial)
    except msgspec.ValidationError:
        raise Refusal(OFFICIAL_MALFORMED, detail=_FORM) from None
    if len(text) > _HEADER_LENGTH_MAX or any(value.endswith("\n") for value in fields.values()):
        raise Refusal(OFFICIAL_MALFORMED, detail=_FORM)
    return official


def official_of(headers: Mapping[str, str]) -> ActingOfficial | None:
    """Return the official that the headers name, or None; `Acting-Official` goes first."""
    text = headers.get(HEADER) or headers.get(X_ROAD_HEADER)
    return parse_official(text) if text else None


def require_official(
    headers: Mapping[str, str], *, in_body: ActingOfficial | None = None
) -> ActingOfficial:
    """Return the official of the body, else of the headers; 400 where neither names one.

    An id that holds a personal identity code is refused: it would be stored as it stands.
    """
    official = in_body if in_body is not None else official_of(headers)
    if official is None:
        raise Refusal(OFFICIAL_MISSING, detail=_FORM)
    if holds_identity_code(official.official_id):
        raise Refusal(OFFICIAL_MALFORMED, detail=_NO_IDENTITY_CODE)
    return official
