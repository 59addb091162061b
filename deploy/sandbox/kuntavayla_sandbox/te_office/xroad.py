"""What X-Road does between a caller and a receiver: names, proof, and errors of its own.

Both security servers in one, as far as a caller sees them. Source: X-Road message protocol for
REST, version 1 (docs/sources.md#x-road).
"""

import hashlib
import re
import uuid
from base64 import b64encode
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kuntavayla_sandbox.te_office.calls import Contract
from kuntavayla_sandbox.te_office.configuration import Secured

MEDIA_TYPE = "application/json;charset=utf-8"
SERVICE_PARTS = 5
"""Instance, member class, member code, subsystem code, service code."""
CLIENT = re.compile(r"[^/\s]+(/[^/\s]+){2,3}")
Carry = Callable[[Request], Awaitable[Response]]


class _Fault(Struct, frozen=True):
    """What a security server answers by itself."""

    status: int
    type: str
    message: str


BAD_REQUEST = _Fault(400, "Client.BadRequest", "Error parsing the client's REST request.")
UNKNOWN_CLIENT = _Fault(500, "Server.ClientProxy.UnknownMember", "Client not found.")
UNKNOWN_PROVIDER = _Fault(
    500, "Server.ClientProxy.UnknownMember", "Could not find addresses for service provider."
)
UNKNOWN_SERVICE = _Fault(500, "Server.ServerProxy.UnknownService", "Unknown service.")


class SecurityServer:
    """Carries calls to receivers by the names of their services."""

    def __init__(self, contract: Contract, secured: Secured) -> None:
        self._contract = contract
        self._client = secured.client
        self._receivers = secured.services
        self._providers = {_provider_of(service) for service in secured.services}

    async def put(self, request: Request) -> Response:
        """Carry an item."""
        return await self._carry(request, self._contract.put)

    async def listing(self, request: Request) -> Response:
        """Carry a question for the list of a day."""
        return await self._carry(request, self._contract.listing)

    async def other(self, request: Request) -> Response:
        """Answer what leads to no service: nobody is called."""
        return _answer_of(self._fault_of(request) or UNKNOWN_SERVICE)

    async def _carry(self, request: Request, carry: Carry) -> Response:
        fault = self._fault_of(request)
        if fault is not None:
            return _answer_of(fault)
        service = request.path_params["service"]
        request.path_params["receiver_id"] = self._receivers[service]
        hashed = hash_of(request, await request.body())
        answer = await carry(request)
        answer.headers.update(
            {
                "X-Road-Client": request.headers["x-road-client"],
                "X-Road-Service": "/".join(service.split("/")[:SERVICE_PARTS]),
                "X-Road-Id": request.headers.get("x-road-id", str(uuid.uuid4())),
                "X-Road-Request-Id": str(uuid.uuid4()),
                "X-Road-Request-Hash": hashed,
            }
        )
        return answer

    def _fault_of(self, request: Request) -> _Fault | None:
        """Return what keeps a call from its receiver, or None."""
        client = request.headers.get("x-road-client", "")
        service = request.path_params["service"]
        if not CLIENT.fullmatch(client) or len(service.split("/")) < SERVICE_PARTS:
            return BAD_REQUEST
        if client != self._client:
            return UNKNOWN_CLIENT
        if _provider_of(service) not in self._providers:
            return UNKNOWN_PROVIDER
        return None if service in self._receivers else UNKNOWN_SERVICE


def hash_of(request: Request, body: bytes) -> str:
    """Return the proof that this request was carried: SHA-512 over headers and body."""
    headers = "".join(f"{name}:{value}\r\n" for name, value in request.headers.items())
    both = hashlib.sha512(headers.encode()).digest() + hashlib.sha512(body).digest()
    return b64encode(hashlib.sha512(both).digest()).decode()


def _provider_of(service: str) -> str:
    return "/".join(service.split("/")[: SERVICE_PARTS - 1])


def _answer_of(fault: _Fault) -> Response:
    body = {"type": fault.type, "message": fault.message, "detail": str(uuid.uuid4())}
    return Response(
        msgspec.json.encode(body),
        status_code=fault.status,
        headers={"X-Road-Error": fault.type},
        media_type=MEDIA_TYPE,
    )
