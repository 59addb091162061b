"""The clients that a process calls others with over HTTP."""

import functools
import ssl

import httpx


def open_client() -> httpx.AsyncClient:
    """Return a client of its own connections; all of a process trust by one context."""
    return httpx.AsyncClient(verify=_trusted())


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return who is trusted, read once in a process: reading all authorities takes long."""
    return httpx.create_ssl_context()
