"""Decide on money: each decision exactly once, in order of arrival, never above what there is.

This holds whatever is repeated and whoever calls at the same time.
"""

import asyncio
from collections.abc import Mapping, Sequence

from msgspec import Struct

from kuntavayla import responsibilities
from kuntavayla.database import Connection
from kuntavayla.errors import DomainError
from kuntavayla.service.errors import MunicipalIdReused
from kuntavayla.service.moments import Moment
from kuntavayla.service.operations.repeats import Repeats
from kuntavayla.service.operations.witnessing import witness
from kuntavayla.values.responsibilities import Responsibility
from quota_ledger.operations.judging import Declined, Judged, Wanted, judged
from quota_ledger.operations.law import Law
from quota_ledger.operations.reserving import (
    Reserved,
    Reserver,
    Short,
    load_open,
    opened_at,
)
from quota_ledger.operations.submissions import Submission
from quota_ledger.operations.verdicts import Decided, declined, refused, reserved
from quota_ledger.operations.writing import Writing
from quota_ledger.rules.decided import end_of_reservation
from quota_ledger.rules.verdicts import Verdict
from quota_ledger.store import decisions

Versions = Mapping[str, Sequence[Responsibility]]


class Answered(Struct, frozen=True):
    """A decision has its verdict; a replay answers with the one that was given first."""

    verdict: Verdict
    is_replay: bool


Outcome = Answered | DomainError


async def decide(
    connection: Connection, submissions: Sequence[Submission], *, law: Law, moment: Moment
) -> list[Outcome]:
    """Store decisions and reserve their money; one outcome per submission, in their order.

    Locks idempotency keys, then what is known of clients against change, then accounts in order of
    their ids, then the outbox head. Commits together: decisions, entries, balances, audit lines and
    events. Raises LostRace where another transaction stored the same business key first: run the
    batch again.
    """
    known = await decisions.find_by_source(connection, [item.source for item in submissions])
    repeats = Repeats[Submission, Answered](submissions, known, reused=MunicipalIdReused())
    await repeats.claim_keys(connection)
    writing = Writing(law, moment)
    decided = await _decide(connection, repeats.pending(), law=law, writing=writing)
    failed = {place for place, one in decided.items() if isinstance(one, DomainError)}
    await repeats.release_keys(connection, failed=failed)
    verdicts = await decisions.list_verdicts(connection, repeats.replayed_ids())
    earlier = {name: Answered(verdict, is_replay=True) for name, verdict in verdicts.items()}
    outcomes = repeats.outcomes(decided, earlier)
    writing.witness_refused(submissions, outcomes)
    await writing.write(connection)
    return outcomes


async def preview(
    connection: Connection, submission: Submission, *, law: Law, moment: Moment
) -> Decided | DomainError:
    """Decide as `decide` would and store nothing but the audit's line.

    Waits for nobody: another decision may take the money in between.
    """
    versions = await _load_versions(connection, [submission])
    judgement = _judged(submission, versions=versions, law=law)
    if isinstance(judgement, Wanted):
        reserver = await Reserver.unlocked(connection, judgement, moment=moment)
        [decided] = await _reserve_all(connection, {0: judgement}, reserver=reserver, law=law)
        outcome: Decided | DomainError = decided[1]
    elif isinstance(judgement, Declined):
        outcome = declined(judgement)
    else:
        outcome = judgement
    await witness(
        connection,
        submission.call,
        action="decision.previewed",
        outcome=outcome.code if isinstance(outcome, DomainError) else outcome.verdict.outcome,
        moment=moment,
        client_id=submission.item.client_id if submission.item.client_id in versions else None,
    )
    return outcome


async def _decide(
    connection: Connection, pending: Mapping[int, Submission], *, law: Law, writing: Writing
) -> dict[int, Outcome]:
    """Judge all, lock the accounts of those that want money, and reserve in order of arrival."""
    if not pending:
        return {}
    await responsibilities.lock_against_change(connection)
    versions = await _load_versions(connection, [*pending.values()])
    writing.known_clients = frozenset(versions)
    found = {place: _judged(one, versions=versions, law=law) for place, one in pending.items()}
    wanted = {place: one for place, one in found.items() if isinstance(one, Wanted)}
    reserver = await Reserver.of(connection, [*wanted.values()], moment=writing.moment)
    reserving = dict(await _reserve_all(connection, wanted, reserver=reserver, law=law))
    outcomes: dict[int, Outcome] = {}
    made: list[Decided] = []
    for place, one in found.items():
        if isinstance(one, DomainError):
            outcomes[place] = one
            continue
        decided = reserving[place] if isinstance(one, Wanted) else declined(one)
        made.append(decided)
        outcomes[place] = Answered(decided.verdict, is_replay=False)
    # The database books while the rows that follow are made.
    writing.crossings, _ = await asyncio.gather(
        reserver.ledger.write(connection), writing.add_all(made)
    )
    return outcomes


async def _reserve_all(
    connection: Connection, wanted: Mapping[int, Wanted], *, reserver: Reserver, law: Law
) -> list[tuple[int, Decided]]:
    """Reserve one after the other; a later one sees what an earlier one has taken."""
    found: dict[int, Reserved | Short] = {}
    for place, one in wanted.items():
        expires_at = end_of_reservation(
            one.decided_on, received_on=reserver.moment.today, days=law.reservation_days
        )
        found[place] = reserver.reserve(one, expires_at=expires_at)
    short = [one for one in found.values() if isinstance(one, Short)]
    stored = await load_open(connection, short, now=reserver.moment.now)
    decided: list[tuple[int, Decided]] = []
    for place, outcome in found.items():
        match outcome:
            case Reserved():
                decided.append((place, reserved(wanted[place], outcome)))
            case Short():
                opened = opened_at(outcome, stored=stored)
                decided.append((place, refused(wanted[place], outcome.shortage, opened=opened)))
    return decided


async def _load_versions(connection: Connection, submissions: Sequence[Submission]) -> Versions:
    client_ids = {one.item.client_id for one in submissions}
    return await responsibilities.list_by_client(connection, client_ids)


def _judged(submission: Submission, *, versions: Versions, law: Law) -> Judged:
    known = versions.get(submission.item.client_id, ())
    return judged(submission, versions=known, law=law)
