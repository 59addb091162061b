import pytest

from statement_relay.rules.endpoints import EndpointsInvalid, parse_endpoints

PLAIN = '[default]\nurl = "http://te.example"\n'
WHOLE = """
[default]
url = "https://te.example/{receiver_id}"
rate_per_s = 200
[default.oauth2]
token_url = "https://te.example/token"
client_id = "relay"
client_secret = "hidden-from-everybody"

[receivers.te-kainuu]
adapter = "xroad"
url = "https://security-server.example"
concurrency = 4
[receivers.te-kainuu.xroad]
client = "FI/GOV/9901111-2/kuntavayla"
service = "FI/GOV/2296962-1/te-services/information/v1"
[receivers.te-kainuu.mtls]
certificate_file = "own.pem"
key_file = "own-key.pem"
[receivers.te-kainuu.hours]
opens = 07:00:00
closes = 18:00:00
"""


def test_a_receiver_overrides_the_default_member_by_member() -> None:
    endpoints = parse_endpoints(WHOLE)

    kainuu, lappi = endpoints.find("te-kainuu"), endpoints.find("te-lappi")

    assert kainuu is not None
    assert lappi is not None
    assert (kainuu.url, kainuu.adapter, kainuu.concurrency, kainuu.rate_per_s) == (
        "https://security-server.example",
        "xroad",
        4,
        200,
    )
    assert (lappi.url, lappi.adapter, lappi.mtls) == ("https://te.example/te-lappi", "rest", None)
    assert endpoints.named == {"te-kainuu"}


def test_false_takes_a_member_of_the_default_away() -> None:
    text = WHOLE.replace("concurrency = 4", "concurrency = 4\noauth2 = false")

    kainuu = parse_endpoints(text).find("te-kainuu")

    assert kainuu is not None
    assert (kainuu.oauth2, kainuu.rate_per_s) == (None, 200)


def test_a_newer_file_takes_the_place_of_the_one_before() -> None:
    endpoints = parse_endpoints(WHOLE)

    endpoints.become(parse_endpoints('[receivers.te-lappi]\nurl = "http://127.0.0.1:8080"'))

    assert endpoints.named == {"te-lappi"}
    assert endpoints.find("te-kainuu") is None


def test_without_a_default_an_unnamed_receiver_is_nowhere() -> None:
    endpoints = parse_endpoints('[receivers.te-kainuu]\nurl = "http://127.0.0.1:8080"')

    assert endpoints.find("te-lappi") is None


def test_the_secret_of_a_receiver_is_shown_nowhere() -> None:
    assert "hidden-from-everybody" not in repr(parse_endpoints(WHOLE).find("te-lappi"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[default", "no TOML"),
        ("[defaults]", "unknown table: defaults"),
        ("receivers = 3", "receivers is no table"),
        ("[receivers]\nte-kainuu = 3", "receivers.te-kainuu is no table"),
        ("[default]", "default: .*url"),
        ('[default]\nurl = "ftp://te.example"', "default: .*url"),
        ('[default]\nurl = "https://user:word@te.example"', "default: .*url"),
        ('[default]\nurl = "https://te.example"\nspeed = 3', "default: .*speed"),
        ('[default]\nurl = "https://te.example"\nconcurrency = 0', "default: .*concurrency"),
        ('[default]\nurl = "https://te.example"\nadapter = "xroad"', "needs the table xroad"),
        (
            PLAIN + 'mtls = { certificate_file = "a", key_file = "b" }',
            "needs an address with https",
        ),
        (
            '[default]\nurl = "http://te.example"\nhours = { opens = 18:00:00, closes = 07:00:00 }',
            "closes after it opens",
        ),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_and_says_where(text: str, place: str) -> None:
    with pytest.raises(EndpointsInvalid, match=place):
        parse_endpoints(text)
