"""Callers whose tokens end soon: each keeps its token until the service refuses it."""

from collections.abc import Callable, Generator

import httpx
from typing_extensions import override


class Caller(httpx.Auth):
    """One organisation's token for all its calls; at a 401 it is drawn anew, the call repeated."""

    def __init__(self, draw: Callable[[], str]) -> None:
        self._draw = draw
        self.token = draw()
        self.renewals = 0

    @override
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Authorize a call, and once more where its token has ended; see `httpx.Auth`."""
        used = self.token
        request.headers["Authorization"] = f"Bearer {used}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # Another call of the same organisation may have been refused a moment before.
            if self.token == used:
                self.token = self._draw()
                self.renewals += 1
            request.headers["Authorization"] = f"Bearer {self.token}"
            yield request
