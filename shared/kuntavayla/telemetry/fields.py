"""The allowlist of log fields: a name has one shape, and what does not fit it is "[redacted]".

What belongs here: shapes, the shared names, and the last scrub for identity codes. A service adds
names, never shapes of free text: a log line has no place where a person's data could stand.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from uuid import UUID

REDACTED = "[redacted]"

Shape = Callable[[object], str | int | None]
"""From any value to what may be written, or None for "[redacted]"."""

_INTEGER_MAX = 2**53
_CODE_LENGTH_MAX = 64
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_.:-][A-Za-z0-9]+)*")
_ROUTE = re.compile(r"(?:/[a-z_.-]*(?:\{[a-z_]+(?::[a-z]+)?\})?(?::[a-z-]+)?[a-z_.-]*)+")
_TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")
_VERSION = re.compile(r"[0-9]{1,6}(?:[.-][0-9]{1,6}){0,5}(?:[a-z]{1,4}[0-9]{0,4})?")
_TRACE = re.compile(r"[0-9a-f]{32}")
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REMEMBERED = 1_024
"""Codes and routes of which it is remembered that they may be written; the same few recur."""

_CENTURY_SIGNS = r"[-+YXWVUABCDEF]"
_LOOKS_LIKE_CODE = re.compile(rf"[0-9]{{6}}\s*{_CENTURY_SIGNS}\s*[0-9]{{3}}[0-9A-Z]", re.IGNORECASE)
_EXACT_CODE = re.compile(rf"(?=([0-3][0-9][01][0-9]{{3}})({_CENTURY_SIGNS})([0-9]{{3}})([0-9A-Y]))")
_CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def looks_like_identity_code(text: str) -> bool:
    """Tell whether any part of the text has the shape of an identity code, right or wrong."""
    return _LOOKS_LIKE_CODE.search(text) is not None


def scrub(line: str) -> str:
    """Return the line with every identity code in it replaced, whatever field it stands in.

    The last net under the allowlist. It looks at the check character too, because an id written in
    hexadecimal may have the shape of a code by chance. The check character is the remainder by 31.
    Source: sources.md#identity-code (Population Register Centre, form of the identity code).
    """
    found = _EXACT_CODE.search(line)
    if found is None:
        return line
    for match in _EXACT_CODE.finditer(line):
        day, sign, number, check = match.groups()
        if _CHECK_CHARACTERS[int(day + number) % len(_CHECK_CHARACTERS)] == check:
            line = line.replace(f"{day}{sign}{number}{check}", REDACTED)
    return line


def identifier(value: object) -> str | int | None:
    """Take a UUID, or its canonical text; nothing else is an id."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        return value if _IDENTIFIER.fullmatch(value) else None
    text = str(value) if type(value).__name__ == "UUID" else ""
    return identifier(text) if text else None


def whole_number(value: object) -> str | int | None:
    """Take an integer of at most 53 bits; True and False are no numbers."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _INTEGER_MAX:
        return int(value)
    return None


@lru_cache(maxsize=_REMEMBERED)
def code(value: object) -> str | int | None:
    """Take a short code such as "te-kainuu", with nothing like an identity code in it."""
    if not isinstance(value, str) or len(value) > _CODE_LENGTH_MAX:
        return None
    if _CODE.fullmatch(value) is None or looks_like_identity_code(value):
        return None
    return str(value)


@lru_cache(maxsize=_REMEMBERED)
def route_template(value: object) -> str | int | None:
    """Take a route template such as "/routing/v1/decisions/{decision_id}"; no path with ids."""
    if not isinstance(value, str) or len(value) > 2 * _CODE_LENGTH_MAX:
        return None
    bare = value.replace("/v1/", "/v/", 1)
    return str(value) if _ROUTE.fullmatch(bare) else None


def type_name(value: object) -> str | int | None:
    """Take the name of a type, such as "asyncpg.exceptions.DeadlockDetectedError"."""
    if (
        isinstance(value, str)
        and _TYPE_NAME.fullmatch(value)
        and not looks_like_identity_code(value)
    ):
        return str(value)
    return None


def version(value: object) -> str | int | None:
    """Take a version such as "1.4.0" or "2021-03-01.1"."""
    if isinstance(value, str) and _VERSION.fullmatch(value) and not looks_like_identity_code(value):
        return str(value)
    return None


def trace_identifier(value: object) -> str | int | None:
    """Take the 32 hexadecimal digits of a W3C trace id."""
    return str(value) if isinstance(value, str) and _TRACE.fullmatch(value) else None


SHARED_FIELDS: Mapping[str, Shape] = MappingProxyType(
    {
        "service": code,
        "version": version,
        "request_id": identifier,
        "trace_id": trace_identifier,
        "client_id": identifier,
        "registration_id": identifier,
        "decision_id": identifier,
        "review_id": identifier,
        "transfer_id": identifier,
        "event_id": identifier,
        "organisation": code,
        "recipient": code,
        "consumer": code,
        "stream": code,
        "operation": code,
        "job": code,
        "kind": code,
        "reason": code,
        "problem": code,
        "error_type": type_name,
        "failures": whole_number,
        "state": code,
        "signal": code,
        "method": code,
        "route": route_template,
        "register_version": version,
        "rule_set": code,
        "status": whole_number,
        "duration_us": whole_number,
        "items": whole_number,
        "attempt": whole_number,
        "position": whole_number,
        "epoch": whole_number,
        "fence": whole_number,
        "lag": whole_number,
        "waiting": whole_number,
        "port": whole_number,
        "pid": whole_number,
    }
)
"""The fields that every service may log."""
