import stat
from pathlib import Path

from kuntavayla_sandbox.calls import Credentials
from kuntavayla_sandbox.certificates import Pair, Trust
from kuntavayla_sandbox.relay_service import SecuredSimulator, write_receivers
from statement_relay.rules.endpoints import Endpoint, OwnCertificate, parse_endpoints

OWN = Credentials("http://127.0.0.1:1/token", "statement-relay-1", 'se"cret\\')


SECURED = SecuredSimulator(
    "https://127.0.0.1:3",
    Trust(
        authorities_file="/state/authority.pem",
        server=Pair(certificate_file="/state/server.pem", key_file="/state/server-key.pem"),
        client=Pair(certificate_file="/state/own.pem", key_file="/state/own-key.pem"),
    ),
)
OWN_CERTIFICATE = OwnCertificate(certificate_file="/state/own.pem", key_file="/state/own-key.pem")


def written(tmp_path: Path, given: dict[str, str]) -> Path:
    file = tmp_path / "receivers.toml"
    write_receivers(file, simulator_url="http://127.0.0.1:2", secured=SECURED, own=OWN, given=given)
    return file


def found(file: Path, receiver_id: str) -> Endpoint:
    endpoint = parse_endpoints(file.read_text()).find(receiver_id)
    assert endpoint is not None
    return endpoint


def test_one_office_is_reached_by_certificate_and_one_through_x_road(tmp_path: Path) -> None:
    file = written(tmp_path, {})

    hame, satakunta = found(file, "te-hame"), found(file, "te-satakunta")

    assert (hame.url, hame.adapter) == ("https://127.0.0.1:3/te-hame", "rest")
    assert (satakunta.url, satakunta.adapter) == ("https://127.0.0.1:3", "xroad")
    assert satakunta.xroad is not None
    assert (hame.mtls, satakunta.mtls) == (OWN_CERTIFICATE, OWN_CERTIFICATE)
    assert (hame.oauth2, satakunta.oauth2) == (None, None)


def test_whoever_serves_such_an_office_instead_is_called_with_a_token(tmp_path: Path) -> None:
    file = written(tmp_path, {"te-satakunta": "http://127.0.0.1:8080"})

    satakunta = found(file, "te-satakunta")

    assert (satakunta.url, satakunta.adapter) == ("http://127.0.0.1:8080", "rest")
    assert satakunta.oauth2 is not None
    assert satakunta.mtls is None


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
