"""What the rows of the ledger stand on: its process, one account with money, known clients."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date

import asyncpg
import msgspec

from kuntavayla import responsibilities
from kuntavayla.database import open_pool, transaction
from kuntavayla.service.routes.desk import moment_at
from kuntavayla.testing import TestDatabase
from kuntavayla.values.responsibilities import Responsibility
from kuntavayla_sandbox.service_settings import common_settings
from kuntavayla_sandbox.state import SecretFile
from quota_ledger.events import SOURCE
from quota_ledger.operations.booking import book, opened
from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.balances import Sums
from quota_ledger.rules.posting import Leg, Posting, Refs
from tests.bench.children import Serving, serving
from tests.bench.ledger_process import LedgerJob
from tests.bench.people import DAY
from tests.bench.stand import SHUTDOWN_GRACE_S, Stand

PREFIX = "/quota/v1"
PACKAGE = ROLE = "quota_ledger"
SENDER = "cs-sotkamo"
ACCOUNT = AccountKey("kainuu", "", "TRAINING", DAY.year)
CLIENTS = 1_000
PERSONS = 1_000_000
COST = 310_000
"""What one decision of the rows costs, in cents: one place of a course."""
RESERVED = '"outcome":"reserved"'
"""What every answer to a decision that got its money has, the ledger's and the floor's."""
_numbers = itertools.count(1)
SUMS = """
SELECT (SELECT count(*) FROM decisions) AS decisions,
       (SELECT count(*) FROM decisions WHERE outcome = 'reserved') AS accepted,
       (SELECT sum(reserved_cents)::int8 FROM accounts) AS cents,
       (SELECT sum(reserved_cents)::int8 FROM entries) AS entries_cents,
       (SELECT count(*) FROM entries WHERE kind = 'reserve') AS entries,
       (SELECT max(last_position) FROM accounts) AS last_position
"""


def client_id(number: int) -> str:
    """Return the pseudonym of a client by number."""
    return f"0177ec61-3ab9-7893-923f-{number:012x}"


def bodies(count: int) -> list[bytes]:
    """Return decisions that nobody has sent yet, of the clients in turn, as JSON."""
    return [_body(next(_numbers)) for _ in range(count)]


def _body(number: int) -> bytes:
    return msgspec.json.encode(
        {
            "municipal_id": f"SOT-TR-2021-{number:07}",
            "instrument": ACCOUNT.instrument,
            "client_id": client_id(number % CLIENTS),
            "municipality_code": "765",
            "area_code": ACCOUNT.area_code,
            "budget_year": ACCOUNT.budget_year,
            "service_code": "0",
            "decided_on": DAY.isoformat(),
            "procurement": {"ely_code": "14", "course_reference": "ELY14-COURSE-EXAMPLE"},
            "period": {"starts_on": "2021-04-06", "ends_on": "2021-06-18"},
            "places": 1,
            "unit_cost_cents": COST,
            "acting_official": {
                "official_id": "sotkamo:u-1007",
                "role": "decider",
                "municipality_code": "765",
            },
        }
    )


def settings_of(stand: Stand, database: TestDatabase) -> dict[str, str]:
    """Return the settings of a quota-ledger on a database; nobody answers for routing-api."""
    kept = SecretFile(stand.folder / "secrets.json")
    return {
        **common_settings("QUOTA", kept=kept, issuer_url=stand.issuer_url, kafka=None),
        "QUOTA_DATABASE_URL": database.url,
        "QUOTA_MIGRATION_DATABASE_URL": database.owner_url,
        "QUOTA_ROUTING_URL": "http://127.0.0.1:9/routing/v1",
        "QUOTA_ROUTING_TOKEN_URL": "http://127.0.0.1:9/token",
        "QUOTA_ROUTING_CLIENT_ID": "quota-ledger",
        "QUOTA_ROUTING_CLIENT_SECRET": "quota-ledger-of-the-bench",
        "QUOTA_LISTEN_PORT": "0",
        "QUOTA_RATE_CALLS_PER_S": "1000000",
        "QUOTA_RATE_BURST_CALLS": "1000000",
        "QUOTA_SHUTDOWN_GRACE_S": SHUTDOWN_GRACE_S,
    }


@asynccontextmanager
async def ledger_database(stand: Stand, *, fits: int) -> AsyncIterator[TestDatabase]:
    """Give a fresh database of the ledger: clients known, money for so many decisions."""
    async with stand.databases.database(PACKAGE, role=ROLE) as database:
        await _fill(database, stand, cents=fits * COST)
        yield database


@asynccontextmanager
async def ledger(stand: Stand, database: TestDatabase) -> AsyncIterator[Serving]:
    """Run quota-ledger on a database inside the block."""
    async with serving(
        "tests.bench.ledger_process",
        LedgerJob(stand.clock),
        environment=settings_of(stand, database),
        log_file=stand.folder / "quota-ledger.log",
    ) as process:
        yield process


async def _fill(database: TestDatabase, stand: Stand, *, cents: int) -> None:
    """Make clients known and allocate, by the ledger's own engine."""
    moment = moment_at(stand.clock, source=SOURCE)
    refs = Refs(value_on=DAY, organisation="ely-14", official_id="ely-14:u-7")
    given = Sums(allocated_cents=cents, allocated_persons=PERSONS)
    pool = await open_pool(database.url)
    async with transaction(pool) as connection:
        await responsibilities.lock_for_change(connection)
        await responsibilities.keep(connection, [_known(one) for one in range(CLIENTS)])
        ids = await opened(connection, [ACCOUNT], binds_persons=False, moment=moment)
        leg = Leg(account_id=ids[ACCOUNT], kind="initial", change=given)
        await book(connection, [Posting(legs=(leg,), refs=refs)], moment=moment)
    await pool.close()


def _known(number: int) -> Responsibility:
    return Responsibility(
        client_id=client_id(number),
        clienthood_version=1,
        authority="municipality",
        municipality_code="765",
        area_code=ACCOUNT.area_code,
        case_system_id=SENDER,
        te_office_code="te-kainuu",
        source_system="ura",
        source_client_number=f"URA-C-{number:07}",
        valid_from=date(2021, 3, 1),
        valid_to=None,
        is_restricted=False,
        sequence=f"000001.{number:018}",
    )


async def check_sums(owner_url: str, *, decisions: int, accepted: int) -> None:
    """Fail unless decisions, entries and balance are exactly what was answered."""
    connection = await asyncpg.connect(owner_url)
    found = dict(await connection.fetchrow(SUMS) or {})
    await connection.close()
    assert found == {
        "decisions": decisions,
        "accepted": accepted,
        "cents": accepted * COST,
        "entries_cents": accepted * COST,
        "entries": accepted,
        "last_position": accepted + 1,
    }, (found, decisions, accepted)


def spent_note(name: str, found: Sequence[tuple[float, float]]) -> str:
    """Return the processor µs of a decision, of the service and of PostgreSQL, median first."""
    service = sorted(one for one, _ in found)[len(found) // 2]
    server = sorted(one for _, one in found)[len(found) // 2]
    return f"{name}: processor µs per decision: service {service:.0f}, PostgreSQL {server:.0f}"
