import io
import logging
from collections.abc import Iterator

import pytest
from httpx import Request, Response

from kuntavayla.telemetry import configure_logging
from tests.builders import a_registration, an_identity_code
from tests.routing_api.service import Routing

NAMES = ("Salainen-Suku", "Salaisetnimet", "salainen@example.org", "Salakuja 7", "+358401234567")
TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
"""


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the service writes into its log."""
    written = io.StringIO()
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    handler = logging.StreamHandler(written)
    configure_logging(service="routing-api", version="1")
    root.addHandler(handler)
    yield written
    root.handlers[:], root.level = before[0], before[1]


def a_secret(number: int, **changes: object) -> dict[str, object]:
    code = {"person__identity_code": an_identity_code(700 + number)}
    return a_registration(
        person__family_name=NAMES[0],
        person__given_names=NAMES[1],
        person__contact={
            "email": NAMES[2],
            "phone": NAMES[4],
            "address": {"street": NAMES[3], "postal_code": "00100", "post_office": "X"},
        },
        source__registration_id=f"S-{number}-{len(changes)}",
        **{**code, **changes},
    )


async def everything_stored(routing: Routing) -> str:
    parts = []
    for table in await routing.fetch(TABLES):
        name = table["table_name"]
        rows = await routing.fetch(f"SELECT t::text AS line FROM {name} t")  # noqa: S608
        parts += [row["line"] for row in rows]
    bodies = await routing.fetch("SELECT convert_from(body, 'UTF8') AS line FROM outbox")
    return "\n".join([*parts, *(row["line"] for row in bodies)])


def is_leak(text: str) -> list[str]:
    codes = [an_identity_code(700 + number) for number in range(5)]
    secrets = [*codes, *NAMES]
    hexed = [secret.encode().hex() for secret in secrets]
    return [secret for secret in (*secrets, *hexed) if secret.lower() in text.lower()]


async def test_no_identity_code_and_no_name_stands_in_what_is_stored_told_or_logged(
    routing: Routing, lines: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    async def keep(response: Response) -> None:
        await response.aread()
        request: Request = response.request
        if not request.url.path.endswith("persons:fetch"):
            seen.append(f"{request.url} {response.headers} {response.text}")

    routing.client.event_hooks["response"].append(keep)
    office, national = routing.office(), routing.national
    unknown = {"situation__earnings_related_entitlement": "unknown"}

    first = await office.registered(a_secret(0))
    await office.registered(a_secret(1, **unknown))
    await national.registered(a_secret(0, person__home_municipality_code="091", plans=[]))
    await office.register(a_secret(0, person__nickname=NAMES[0]))
    await office.register(a_secret(2, person__identity_code=an_identity_code(702)[:-1] + "?"))
    await office.register_many(a_secret(3), a_secret(3), a_secret(4, te_office_code="te-nowhere"))
    await office.get(f"/clients/{an_identity_code(700)}")
    await office.get("/reviews", params={"reason": an_identity_code(700)})
    [item] = await routing.case_system("cs-helsinki").fetched(
        (await routing.case_system("cs-helsinki").events())[0]["data"]["transfer_id"],
        municipality="091",
    )

    own = [text.partition(" ")[2] for text in seen]
    assert item["person"]["identity_code"] == an_identity_code(700)
    assert is_leak(await everything_stored(routing)) == []
    assert is_leak("\n".join(own)) == []
    written = capfd.readouterr()
    assert is_leak(lines.getvalue() + written.out + written.err) == []
    assert first["client_id"] in await everything_stored(routing)
