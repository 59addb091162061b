"""An ordinary ledger, the floor of ledger-hot: FastAPI, SQLModel, SELECT FOR UPDATE.

Written as one would write it well: asynchronous, pooled, one transaction a call, the account
locked once key and client are known. It keeps what quota-ledger keeps of a decision: its key, the
decision with its draw and step, the entry with the balance behind it, the client's hold, an event
and a line of the audit. It checks no token, seals nothing and signs nothing.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession
from uvicorn import Config, Server

from kuntavayla.database.preparing import sqlalchemy_url
from kuntavayla_sandbox.serving import bind_loopback, loop_factory
from tests.bench.children import read_job, tell_port
from tests.bench.ordinary_tables import (
    Account,
    AccountClient,
    AuditLine,
    Client,
    Decision,
    Draw,
    Entry,
    Event,
    Key,
    Step,
    metadata,
)

POOL = 16
"""Connections; more than a database of two cores has use for, fewer than callers."""
RESERVATION = timedelta(days=60)
SENDER = "cs-sotkamo"
HTTP_CONFLICT = 409
HTTP_UNPROCESSABLE = 422


class OrdinaryJob(Struct, frozen=True):
    """The database, and what is in it at the start: one account with money, clients."""

    url: str
    area_code: str
    instrument: str
    budget_year: int
    cents: int
    client_ids: list[str]


class Period(BaseModel):
    """First and last day."""

    model_config = ConfigDict(extra="forbid")
    starts_on: date
    ends_on: date


class Procurement(BaseModel):
    """Whose course it is."""

    model_config = ConfigDict(extra="forbid")
    ely_code: str
    course_reference: str


class Official(BaseModel):
    """Who decides."""

    model_config = ConfigDict(extra="forbid")
    official_id: str
    role: str
    municipality_code: str


class DecisionRequest(BaseModel):
    """A course for a client, as the ledger takes it."""

    model_config = ConfigDict(extra="forbid")
    municipal_id: str = Field(min_length=1, max_length=64)
    instrument: str
    client_id: UUID
    municipality_code: str = Field(pattern=r"^\d{3}$")
    area_code: str
    budget_year: int
    service_code: str
    decided_on: date
    procurement: Procurement
    period: Period
    places: int = Field(ge=1, le=1_000)
    unit_cost_cents: int = Field(ge=1)
    acting_official: Official


router = APIRouter()


async def session_of(request: Request) -> AsyncIterator[AsyncSession]:
    """Give the session of one call, its transaction around it."""
    async with request.app.state.sessions() as session, session.begin():
        yield session


@router.post("/decisions", status_code=201)
async def decide(
    body: DecisionRequest,
    session: Annotated[AsyncSession, Depends(session_of, scope="function")],
    idempotency_key: Annotated[str, Header()],
) -> dict[str, Any]:
    """Reserve money for a decision, or refuse it with what is free."""
    if body.period.ends_on < body.period.starts_on or body.acting_official.role != "decider":
        raise HTTPException(HTTP_UNPROCESSABLE)
    fingerprint = hashlib.sha256(body.model_dump_json().encode()).digest()
    key = await session.get(Key, (SENDER, idempotency_key))
    if key is not None:
        if key.fingerprint != fingerprint:
            raise HTTPException(HTTP_CONFLICT, "idempotency_key_reused")
        return key.answer
    client = await session.get(Client, body.client_id)
    if client is None or client.municipality_code != body.municipality_code:
        raise HTTPException(HTTP_CONFLICT, "client_not_known")
    try:
        answer = await _book(session, body, fingerprint)
        session.add(
            Key(organisation=SENDER, key=idempotency_key, fingerprint=fingerprint, answer=answer)
        )
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(HTTP_CONFLICT, "municipal_id_reused") from error
    return answer


async def _book(session: AsyncSession, body: DecisionRequest, fingerprint: bytes) -> dict[str, Any]:
    """Lock the account, book, keep, announce; return the answer."""
    now, decision_id = datetime.now(UTC), uuid4()
    cost = body.places * body.unit_cost_cents
    query = (
        select(Account)
        .where(
            Account.area_code == body.area_code,
            Account.instrument == body.instrument,
            Account.budget_year == body.budget_year,
        )
        .with_for_update()
    )
    account = (await session.exec(query)).one()
    fits = cost <= account.free_cents
    answer = _answer(account, decision_id=decision_id, cost=cost, fits=fits, now=now)
    session.add(_decision(body, decision_id, fingerprint=fingerprint, answer=answer, now=now))
    if fits:
        await _reserve(session, account, body, decision_id=decision_id, cost=cost, now=now)
    official = body.acting_official.official_id
    session.add_all(
        [
            Step(decision_id=decision_id, action="reserve", at=now, official_id=official),
            Event(recipient=SENDER, kind=f"decision.{answer['outcome']}", at=now, body=answer),
            AuditLine(
                at=now,
                organisation=SENDER,
                official_id=official,
                action="decision.made",
                outcome=answer["outcome"],
                client_id=body.client_id,
                resource_id=decision_id,
            ),
        ]
    )
    return answer


async def _reserve(
    session: AsyncSession,
    account: Account,
    body: DecisionRequest,
    *,
    decision_id: UUID,
    cost: int,
    now: datetime,
) -> None:
    """Change the locked account and add the entry with the balance behind it."""
    held = await session.get(AccountClient, (account.account_id, body.client_id))
    if held is None:
        session.add(AccountClient(account_id=account.account_id, client_id=body.client_id, holds=1))
        account.reserved_persons += 1
    else:
        held.holds += 1
    account.reserved_cents += cost
    account.last_position += 1
    session.add_all(
        [
            Entry(
                account_id=account.account_id,
                position=account.last_position,
                kind="reserve",
                booked_at=now,
                value_on=body.decided_on,
                reserved_cents=cost,
                reserved_persons=int(held is None),
                allocated_cents_after=account.allocated_cents,
                reserved_cents_after=account.reserved_cents,
                reserved_persons_after=account.reserved_persons,
                decision_id=decision_id,
                official_id=body.acting_official.official_id,
            ),
            Draw(decision_id=decision_id, account_id=account.account_id, reserved_cents=cost),
        ]
    )


def _answer(
    account: Account, *, decision_id: UUID, cost: int, fits: bool, now: datetime
) -> dict[str, Any]:
    if not fits:
        reason = {
            "code": "allocation_exhausted",
            "limit": "cents",
            "needed_cents": cost,
            "available_cents": account.free_cents,
        }
        return {"decision_id": str(decision_id), "outcome": "refused", "reasons": [reason]}
    return {
        "decision_id": str(decision_id),
        "outcome": "reserved",
        "state": "reserved",
        "reservation": {"cents": cost, "expires_at": (now + RESERVATION).isoformat()},
        "calculation": {"total_cents": cost, "booking_policy": "commitment_year"},
        "available_after": {"cents": account.free_cents - cost},
    }


def _decision(
    body: DecisionRequest,
    decision_id: UUID,
    *,
    fingerprint: bytes,
    answer: dict[str, Any],
    now: datetime,
) -> Decision:
    return Decision(
        decision_id=decision_id,
        organisation=SENDER,
        municipal_id=body.municipal_id,
        fingerprint=fingerprint,
        client_id=body.client_id,
        area_code=body.area_code,
        municipality_code=body.municipality_code,
        instrument=body.instrument,
        budget_year=body.budget_year,
        decided_on=body.decided_on,
        content=body.model_dump(mode="json"),
        calculation=answer.get("calculation"),
        outcome=answer["outcome"],
        expires_at=now + RESERVATION,
        created_at=now,
    )


async def fill(engine: AsyncEngine, job: OrdinaryJob) -> None:
    """Create the tables; add the account and the clients."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        account = {
            "account_id": uuid4(),
            "area_code": job.area_code,
            "instrument": job.instrument,
            "budget_year": job.budget_year,
            "allocated_cents": job.cents,
            "reserved_cents": 0,
            "reserved_persons": 0,
            "last_position": 1,
        }
        await connection.execute(sa.insert(Account), account)
        known = [{"client_id": UUID(one), "municipality_code": "765"} for one in job.client_ids]
        await connection.execute(sa.insert(Client), known)


async def serve(job: OrdinaryJob) -> None:
    """Serve until the process is told to end."""
    engine = create_async_engine(sqlalchemy_url(job.url), pool_size=POOL, max_overflow=0)
    await fill(engine, job)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.include_router(router)
    with bind_loopback() as listening:
        tell_port(listening.getsockname()[1])
        await Server(Config(app, log_config=None, access_log=False)).serve([listening])


def main() -> None:
    """Run the process: `python -m tests.bench.ordinary_ledger PIPE`, its job on its input."""
    job = read_job(OrdinaryJob)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(job))


if __name__ == "__main__":
    main()
