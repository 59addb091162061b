"""Promises about calls that are not as the contract says: bytes, headers, sizes, tokens."""

from typing import NamedTuple

import httpx

from kuntavayla_sandbox.conformance.receiver import Broken, NotTried
from kuntavayla_sandbox.conformance.samples import bytes_of, digest_of, draw_id
from kuntavayla_sandbox.conformance.taking import BODY_BYTES_MAX, taken
from kuntavayla_sandbox.conformance.trying import Trial

NESTED = 20_000
FAULTS_FROM = 500
CLIENT_FAULTS_FROM = 400
REFUSALS = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
UNKNOWN_TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJub2JvZHkifQ."  # noqa: S105 - of nobody, unsigned


class Hostile(NamedTuple):
    """A body that nobody sends by honest mistake."""

    name: str
    body: bytes


async def digest_mismatch(trial: Trial) -> None:
    """Bytes that changed on the way are refused, and the right ones are taken afterwards."""
    item = trial.samples.new()
    answer = await trial.receiver.put(item, content_digest=digest_of(b"other bytes"))
    answer.require_problem(400, "digest_mismatch")
    await taken(trial, item)


async def digest_missing(trial: Trial) -> None:
    """Without a digest there is no proof."""
    answer = await trial.receiver.put(trial.samples.new(), content_digest=None)
    answer.require_problem(400, "digest_missing")


async def digest_malformed(trial: Trial) -> None:
    """A digest has the form of RFC 9530, and SHA-256."""
    item = trial.samples.new()
    for told in ("sha-256=abc", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", digest_of(b"")[:-2]):
        answer = await trial.receiver.put(item, content_digest=told)
        answer.require_problem(400, "digest_malformed", "digest_missing")


async def key_missing(trial: Trial) -> None:
    """Every PUT carries its key."""
    answer = await trial.receiver.put(trial.samples.new(), idempotency_key=None)
    answer.require_problem(400, "idempotency_key_missing")


async def key_differs(trial: Trial) -> None:
    """The key is the item's id."""
    answer = await trial.receiver.put(trial.samples.new(), idempotency_key=f'"{draw_id()}"')
    answer.require_problem(400, "idempotency_key_differs")


async def id_differs(trial: Trial) -> None:
    """Path and body name one item."""
    answer = await trial.receiver.put_bytes(draw_id(), bytes_of(trial.samples.new()))
    answer.require_problem(400, "id_differs")


async def json_malformed(trial: Trial) -> None:
    """Half a body with its right digest is still no JSON."""
    item = trial.samples.new()
    body = bytes_of(item)
    answer = await trial.receiver.put_bytes(item["information_id"], body[: len(body) // 2])
    answer.require_problem(400, "json_malformed")


async def media_type(trial: Trial) -> None:
    """Only application/json is read."""
    answer = await trial.receiver.put(trial.samples.new(), content_type="text/plain")
    answer.require_problem(415, "media_type_refused")


async def body_too_large(trial: Trial) -> None:
    """One byte above the bound is outside."""
    item = trial.samples.new(a_later_member="")
    room = BODY_BYTES_MAX - len(bytes_of(item))
    answer = await trial.receiver.put(item | {"a_later_member": "x" * (room + 1)})
    answer.require_problem(413, "body_too_large")


async def hostile_bodies(trial: Trial) -> None:
    """No body brings the receiver into trouble: it answers each with a refusal of its own."""
    for hostile in _hostile_bodies(trial):
        answer = await trial.receiver.put_bytes(draw_id(), hostile.body)
        if not CLIENT_FAULTS_FROM <= answer.status < FAULTS_FROM:
            raise Broken(expected=f"4xx to {hostile.name}", found=answer.told())


def _hostile_bodies(trial: Trial) -> list[Hostile]:
    item = trial.samples.new()
    return [
        Hostile("an empty body", b""),
        Hostile("deep nesting", b"[" * NESTED + b"]" * NESTED),
        Hostile("bytes that are not UTF-8", bytes_of(item).replace(b"caseworker", b"\xff\xfe")),
        Hostile("a list in place of an item", bytes_of({"items": [item]})),
        Hostile("a sequence beyond 64 bits", bytes_of(item | {"sequence": 10**30})),
        Hostile("a negative sequence", bytes_of(item | {"sequence": -1})),
        Hostile("facts that are text", bytes_of(item | {"facts": "\x00"})),
    ]


async def token_missing(trial: Trial) -> None:
    """Nobody delivers without proving who they are."""
    _require_token(trial)
    answer = await trial.receiver.put(trial.samples.new(), authorization=None)
    answer.require(httpx.codes.UNAUTHORIZED)


async def token_unknown(trial: Trial) -> None:
    """A token of nobody, unsigned, proves nothing."""
    _require_token(trial)
    told = f"Bearer {UNKNOWN_TOKEN}"
    answer = await trial.receiver.put(trial.samples.new(), authorization=told)
    answer.require(httpx.codes.UNAUTHORIZED)


async def certificate_missing(trial: Trial) -> None:
    """Who shows no certificate does not come in: no handshake, or a refusal before it is read."""
    if trial.stranger is None:
        raise NotTried("no --certificate was given; the receiver may ask for a token")
    item = trial.samples.new()
    try:
        answer = await trial.stranger.put(item)
    except Broken:
        return
    if answer.status not in REFUSALS:
        raise Broken(expected="no answer, or a refusal", found=answer.told())


def _require_token(trial: Trial) -> None:
    if not trial.receiver.has_token:
        raise NotTried("no --token was given; the receiver may ask for a certificate")
