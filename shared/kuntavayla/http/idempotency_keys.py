"""The `Idempotency-Key` header of state-changing calls (contracts.md, "Rules for every call")."""

import re

from starlette.requests import Request

from kuntavayla.auth import Refusal
from kuntavayla.http.exchanges import exchange_of
from kuntavayla.http.problems import KEY_MALFORMED, KEY_MISSING
from kuntavayla.values.identity_codes import holds_identity_code

_HEADER = b"idempotency-key"
_KEY = re.compile(rb"[\x21-\x7E]{1,255}")


def idempotency_key(request: Request) -> str:
    """Return the key without surrounding quotes; 400 where it is missing or malformed."""
    given = exchange_of(request).headers.get(_HEADER)
    if given is None:
        raise Refusal(KEY_MISSING, detail="Send a key of your choice, the same on every repeat.")
    if sum(name == _HEADER for name, _ in request.scope["headers"]) > 1:
        raise Refusal(KEY_MALFORMED, detail="Send one key.")
    key = given.strip()
    if len(key) > 1 and key[:1] == key[-1:] == b'"':
        key = key[1:-1]
    if _KEY.fullmatch(key) is None:
        raise Refusal(KEY_MALFORMED, detail="Give 1 to 255 visible ASCII characters.")
    text = key.decode("ascii")
    if holds_identity_code(text):
        raise Refusal(KEY_MALFORMED, detail="Send a key that holds no personal identity code.")
    return text
