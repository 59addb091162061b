"""Who we are to an issuer of tokens, and where it is."""

from typing import Annotated

from msgspec import Meta, Struct
from typing_extensions import override

HttpUrl = Annotated[str, Meta(pattern=r"^https?://[^\s?#@]+$", max_length=500)]
HeaderText = Annotated[str, Meta(pattern=r"^[!-~]{1,500}$")]


class ClientCredentials(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a token for a counterpart is got: RFC 6749, section 4.4."""

    token_url: HttpUrl
    client_id: HeaderText
    client_secret: HeaderText
    scope: str = ""
    audience: str = ""

    @override
    def __repr__(self) -> str:
        return f"ClientCredentials(token_url={self.token_url!r}, client_id={self.client_id!r})"
