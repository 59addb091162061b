"""What is generated from the code and committed beside it: `make snapshots` writes it anew."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from fastapi import FastAPI
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kuntavayla.settings import KeyRing
from kuntavayla.testing.tokens import AUDIENCE, ISSUER
from routing_api.app import create_app, documents_of_release
from routing_api.settings import Settings

ROOT = Path(__file__).parent.parent
SERVICE = ROOT / "services" / "routing-api"
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
KEY = base64.b64encode(bytes(32)).decode()


def snapshots() -> dict[Path, str]:
    """Return the committed files that the code generates, by path."""
    documents = documents_of_release()
    schemas = {
        SERVICE / "schemas" / name / f"{version}.json": _json(schema)
        for (name, version), schema in documents.schemas.items()
    }
    return {
        SERVICE / "openapi.json": _json(app_of_release().openapi()),
        SERVICE / "asyncapi.json": _json(documents.asyncapi),
        SETTINGS_PAGE: _settings_page(),
        **schemas,
    }


def app_of_release() -> FastAPI:
    """Return the app as it is shipped, with keys and addresses that lead nowhere."""
    return create_app(
        Settings.model_validate(
            {
                "database_url": "postgresql:///nowhere",
                "token_issuer": ISSUER,
                "token_audience": AUDIENCE,
                "token_jwks_url": "http://127.0.0.1:9/jwks.json",
                "identity_keys": f"k1:{KEY}",
                "lookup_key_a": KEY,
                "lookup_key_b": KEY,
                "fingerprint_key": KEY,
                "audit_signing_key": f"s1:{KEY}",
            }
        )
    )


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _settings_page() -> str:
    prefix = Settings.model_config["env_prefix"]
    rows = [
        f"| `{prefix}{name.upper()}` | {_default_of(field)} | {_bounds_of(field)} "
        f"| {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings of routing-api",
            "",
            "Read once, from the environment, when the service starts. A name of this prefix that",
            "is not listed is refused, and so is a value out of its bounds. Nothing secret has a",
            "default. This page is written by `make snapshots`.",
            "",
            "| name | default | bounds | meaning |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be given"
    if field.default in (None, KeyRing(())):
        return "none"
    is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
    assert not is_secret, "a secret has no default"
    return f"`{json.dumps(field.default)}`"


def _bounds_of(field: FieldInfo) -> str:
    bounds = {
        name: getattr(entry, name)
        for entry in field.metadata
        for name in ("ge", "le")
        if getattr(entry, name, None) is not None
    }
    if get_origin(field.annotation) is None and field.annotation is bool:
        return "true, false"
    return f"{bounds['ge']:,}-{bounds['le']:,}" if bounds else ""


def main() -> None:
    """Write every file that differs, and say which."""
    for path, text in snapshots().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
