import stat
from pathlib import Path

from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.relay_service import write_receivers
from statement_relay.rules.endpoints import parse_endpoints

OWN = Credentials("http://127.0.0.1:1/token", "statement-relay-1", 'se"cret\\')


def written(tmp_path: Path, given: dict[str, str]) -> Path:
    file = tmp_path / "receivers.toml"
    write_receivers(file, simulator_url="http://127.0.0.1:2", own=OWN, given=given)
    return file


def test_every_office_is_served_by_the_simulator_but_those_that_are_given(tmp_path: Path) -> None:
    file = written(tmp_path, {"te-kainuu": "http://127.0.0.1:8080/te"})

    endpoints = parse_endpoints(file.read_text())

    kainuu, lappi = endpoints.find("te-kainuu"), endpoints.find("te-lappi")
    assert kainuu is not None
    assert lappi is not None
    assert (kainuu.url, lappi.url) == ("http://127.0.0.1:8080/te", "http://127.0.0.1:2/te-lappi")
    assert kainuu.oauth2 == lappi.oauth2
    assert kainuu.oauth2 is not None
    assert kainuu.oauth2.client_secret == OWN.client_secret


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert stat.S_IMODE(written(tmp_path, {}).stat().st_mode) == 0o600
