"""A token issuer for tests: a real key, real signatures, its JWKS as a key source."""

from collections.abc import Mapping
from time import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

ISSUER = "https://issuer.test"
AUDIENCE = "kuntavayla"
KEY_ID = "test-1"
LIFETIME_S = 3600


class TestIssuer:
    """Issues tokens and publishes its key."""

    __test__ = False

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    async def fetch(self) -> Mapping[str, Any]:
        """Return the JWKS document."""
        key = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": KEY_ID, "alg": "EdDSA", "use": "sig"}]}

    def authorization(
        self,
        organisation: str,
        *scopes: str,
        lifetime_s: int = LIFETIME_S,
        audience: str = AUDIENCE,
    ) -> str:
        """Return the Authorization header of an organisation with scopes."""
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": organisation,
            "organisation": organisation,
            "scope": " ".join(scopes),
            "iat": int(time()),
            "exp": int(time()) + lifetime_s,
        }
        token = jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": KEY_ID})
        return f"Bearer {token}"
