"""If-Match: the versions of a resource that a caller has seen."""

import re

from starlette.requests import Request

from kuntavayla.auth import Refusal
from kuntavayla.http import IF_MATCH_MISSING, exchange_of

_VERSION = re.compile(r'"([0-9]{1,9})"')


def versions_of(request: Request) -> frozenset[int]:
    """Return the versions that If-Match names: 428 without it, none where it names none of ours."""
    given = exchange_of(request).header(b"if-match")
    if given is None:
        raise Refusal(IF_MATCH_MISSING, detail="Send the ETag that you read as If-Match.")
    return frozenset(int(number) for number in _VERSION.findall(given))
