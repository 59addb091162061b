"""From the bytes of a JSON body to a value of its type, or to every fault of it.

The fast way: msgspec decodes and judges in one pass, jiter looks for members given twice. msgspec's
message is never shown, because it quotes values and stops at the first fault; on a fault, only
then, `kuntavayla.http.faults` lists all.
"""

import re
from collections.abc import Callable
from types import UnionType
from typing import Generic, NoReturn, TypeVar

import jiter
import msgspec
from starlette.requests import Request

from kuntavayla.auth import Refusal
from kuntavayla.errors import Fault, InvalidContent
from kuntavayla.http.bodies import BodyLimits, read_body
from kuntavayla.http.faults import FaultFinder, JsonFault, load_json
from kuntavayla.http.problems import JSON_MALFORMED, LINE_TOO_LARGE

T = TypeVar("T")

NESTING_MAX = 20
# Escapes that msgspec lets pass and we do not: U+0000 fails a whole batch in PostgreSQL, and a
# line feed may stand behind the `$` of a pattern.
_SUSPICIOUS = re.compile(rb"\\(?:n|u000[0aA])")


_ACTS = frozenset({"Ask", "Edit", "Fetch", "Resend", "Resolve", "Resume", "Verify"})
"""Types of one word that is no noun."""


class InvalidBody(InvalidContent):
    """The body has faults; nothing was stored."""

    def __init__(self, faults: tuple[Fault, ...], *, noun: str) -> None:
        super().__init__(faults)
        self.noun = noun


class JsonDecoder(Generic[T]):
    """Decode bodies, or lines, of one type; made once, at composition.

    `bytes_max` bounds one decoded text: a line of a bulk call has its own limit, and its fault is
    its own. A union of types is told apart by the member that its types are tagged with.
    """

    def __init__(self, type_: type[T] | UnionType, *, bytes_max: int = 1_048_576) -> None:
        self._noun = _noun_of(type_)
        self._bytes_max = bytes_max
        self._decode: Callable[[bytes], T] = msgspec.json.Decoder(type_).decode
        self._finder = FaultFinder(type_)

    async def read(self, request: Request, *, limits: BodyLimits) -> T:
        """Return the value of a request's body; refuses with 400, 413, 415 or 422."""
        return self.decode(await read_body(request, limits=limits))

    def decode(self, body: bytes) -> T:
        """Return the value of the bytes; refuses with 400, 413, or 422 with every fault."""
        if len(body) > self._bytes_max:
            raise Refusal(LINE_TOO_LARGE, detail=f"At most {self._bytes_max} bytes are taken.")
        try:
            value = self._decode(body)
            jiter.from_json(body, catch_duplicate_keys=True, allow_inf_nan=False)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._refuse(body)
        if b"\\" in body and _SUSPICIOUS.search(body) is not None:
            self._check(body)
        # What has been decoded nests no deeper than its type; refused texts are measured.
        return value

    def _check(self, body: bytes) -> None:
        faults = self._faults_of(body)
        if faults:
            raise InvalidBody(faults, noun=self._noun)

    def _refuse(self, body: bytes) -> NoReturn:
        self._check(body)
        # The decoder refuses what the schema lets pass: one fault, so that no bad value gets
        # through.
        fault = Fault(
            "", "content_refused", "The content is not in the form that openapi.json gives."
        )
        raise InvalidBody((fault,), noun=self._noun)

    def _faults_of(self, body: bytes) -> tuple[Fault, ...]:
        try:
            loaded = load_json(body, nesting_max=NESTING_MAX)
        except JsonFault as fault:
            raise Refusal(JSON_MALFORMED, detail=fault.advice) from None
        return self._finder.faults_of(loaded)


def _noun_of(type_: type[object] | UnionType) -> str:
    """Return what a type is called; the body of an act is its content."""
    name = getattr(type_, "__name__", "")
    words = re.findall(r"[A-Z][a-z0-9]*", name.removesuffix("Request"))
    is_act = name.endswith("Request") and (len(words) > 1 or words[0] in _ACTS)
    return "content" if is_act else " ".join(word.lower() for word in words) or "content"
