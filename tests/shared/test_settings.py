import base64

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from kuntavayla.settings import (
    Key,
    KeyRing,
    KeyRingText,
    KeyText,
    NamedKeyText,
    PublicKeysText,
    ServiceSettings,
)

KEY = base64.b64encode(b"k" * 32).decode()
OTHER = base64.b64encode(b"o" * 32).decode()
NEEDED = {
    "EXAMPLE_DATABASE_URL": "postgresql://user:hunter2@localhost/routing",
    "EXAMPLE_TOKEN_ISSUER": "https://issuer.example",
    "EXAMPLE_TOKEN_AUDIENCE": "kuntavayla",
    "EXAMPLE_TOKEN_JWKS_URL": "https://issuer.example/jwks.json",
    "EXAMPLE_LOOKUP_KEY": KEY,
    "EXAMPLE_IDENTITY_KEYS": f"k2:{KEY},k1:{OTHER}",
    "EXAMPLE_SIGNING_KEY": f"s2:{KEY}",
}


class ExampleSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    lookup_key: KeyText
    identity_keys: KeyRingText
    signing_key: NamedKeyText
    retired_keys: PublicKeysText = KeyRing(())


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_setting_without_default_must_be_given(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.delenv(name)

    with pytest.raises(ValidationError):
        ExampleSettings()


def test_an_unknown_key_of_the_prefix_is_refused_without_its_value(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("EXAMPLE_DATABASE_ULR", "postgresql://user:hunter2@localhost")

    with pytest.raises(ValidationError, match="example_database_ulr") as refused:
        ExampleSettings()

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXAMPLE_LOOKUP_KEY", "c2hvcnQ="),
        ("EXAMPLE_LOOKUP_KEY", "not base64 at all, but secret"),
        ("EXAMPLE_IDENTITY_KEYS", f"k1:{KEY},k1:{OTHER}"),
        ("EXAMPLE_IDENTITY_KEYS", KEY),
        ("EXAMPLE_SIGNING_KEY", KEY),
        ("EXAMPLE_SIGNING_KEY", f"s2:{KEY},s1:{OTHER}"),
        ("EXAMPLE_RETIRED_KEYS", "s1:c2hvcnQ="),
        ("EXAMPLE_LISTEN_PORT", "70000"),
        ("EXAMPLE_TOKEN_JWKS_URL", "file:///etc/keys"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_not_shown(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)

    with pytest.raises(ValidationError) as refused:
        ExampleSettings()

    assert value not in str(refused.value)


def test_settings_are_read_once_and_never_changed(environment: pytest.MonkeyPatch) -> None:
    settings = ExampleSettings()

    with pytest.raises(ValidationError):
        settings.listen_port = 1  # type: ignore[misc]
    assert environment is not None


def test_secrets_are_not_shown(environment: pytest.MonkeyPatch) -> None:
    shown = repr(ExampleSettings())

    assert "hunter2" not in shown
    assert "kkkk" not in shown
    assert environment is not None


def test_a_key_ring_gives_the_newest_key_and_finds_the_older(
    environment: pytest.MonkeyPatch,
) -> None:
    ring = ExampleSettings().identity_keys

    assert ring == KeyRing((("k2", Key(b"k" * 32)), ("k1", Key(b"o" * 32))))
    assert ring.newest == ("k2", Key(b"k" * 32))
    assert ring.find("k1") == Key(b"o" * 32)
    assert ring.find("k0") is None
    assert environment is not None


def test_public_keys_are_none_unless_given(environment: pytest.MonkeyPatch) -> None:
    before = ExampleSettings()
    environment.setenv("EXAMPLE_RETIRED_KEYS", "")
    empty = ExampleSettings()
    environment.setenv("EXAMPLE_RETIRED_KEYS", f"s1:{OTHER}")

    assert before.retired_keys == empty.retired_keys == KeyRing(())
    assert ExampleSettings().retired_keys.find("s1") == Key(b"o" * 32)
    assert before.signing_key.newest == ("s2", Key(b"k" * 32))


def test_migrations_use_their_own_address_if_there_is_one(
    environment: pytest.MonkeyPatch,
) -> None:
    shared = ExampleSettings().owner_database_url
    environment.setenv("EXAMPLE_MIGRATION_DATABASE_URL", "postgresql://owner@localhost/routing")

    assert shared.get_secret_value() == NEEDED["EXAMPLE_DATABASE_URL"]
    owner = ExampleSettings().owner_database_url
    assert owner.get_secret_value() == "postgresql://owner@localhost/routing"


def test_every_setting_says_what_it_is() -> None:
    for name, setting in ServiceSettings.model_fields.items():
        assert setting.description, name
