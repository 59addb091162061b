"""What is generated from the code and committed beside it: `make snapshots` writes it anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kuntavayla.settings import KeyRing
from tests.releases import RELEASES, ROOT, Release

SETTINGS_PAGE = ROOT / "docs" / "settings.md"


def snapshots() -> dict[Path, str]:
    """Return the committed files that the code generates, by path."""
    files = {SETTINGS_PAGE: _settings_page()}
    for release in RELEASES:
        files |= _contract_of(release)
    return files


def _contract_of(release: Release) -> dict[Path, str]:
    documents = release.documents()
    schemas = {
        release.folder / "schemas" / name / f"{version}.json": _json(schema)
        for (name, version), schema in documents.schemas.items()
    }
    return {
        release.folder / "openapi.json": _json(release.app().openapi()),
        release.folder / "asyncapi.json": _json(documents.asyncapi),
        **schemas,
    }


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(dict(document), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _settings_page() -> str:
    sections = [line for release in RELEASES for line in _settings_of(release)]
    return "\n".join(
        [
            "# Settings of the services",
            "",
            "Read once, from the environment, when a service starts. A name of its prefix that is",
            "not listed is refused, and so is a value out of its bounds. Nothing secret has a",
            "default. This page is written by `make snapshots`.",
            *sections,
            "",
        ]
    )


def _settings_of(release: Release) -> list[str]:
    settings = release.settings_type
    prefix = settings.model_config["env_prefix"]
    rows = [
        f"| `{prefix}{name.upper()}` | {_default_of(field)} | {_bounds_of(field)} "
        f"| {field.description} |"
        for name, field in settings.model_fields.items()
    ]
    return [
        "",
        f"## {release.name}",
        "",
        "| name | default | bounds | meaning |",
        "| --- | --- | --- | --- |",
        *rows,
    ]


def _default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be given"
    if field.default in (None, KeyRing(())):
        return "none"
    is_secret = SecretStr in (field.annotation, *get_args(field.annotation))
    assert not is_secret, "a secret has no default"
    return f"`{json.dumps(field.default, default=str)}`"


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
