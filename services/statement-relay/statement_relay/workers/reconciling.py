"""Receivers are asked what they took, and their answers held against our receipts."""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from msgspec import Struct

from kuntavayla.database import Pool, transaction
from kuntavayla.service.moments import Call, Moment
from kuntavayla.telemetry import log, new_traceparent
from statement_relay.clients.adapters import make_adapter
from statement_relay.errors import (
    DeliverySettled,
    InformationNotFound,
    ReceiverListMissing,
    ReceiverNotFound,
    SuccessorOvertaken,
)
from statement_relay.events import SERVICE
from statement_relay.operations import reconciliations as operations
from statement_relay.rules.clocks import BusinessHours, is_open
from statement_relay.rules.endpoints import Endpoints
from statement_relay.rules.reconciliations import HeldItem, Reconciliation

RECONCILING_INTERVAL_S = 600.0
"""Seconds between two looks for days that nobody has compared yet."""
LIST_S_MAX = 60.0
"""Seconds in which a receiver has told the whole list of a day."""


class Asker(Struct, frozen=True, kw_only=True):
    """Asks receivers for their lists of a day; `hours` are for those that have none of their own.

    No transaction is open while a receiver is asked.
    """

    pool: Pool
    receiver_ids: frozenset[str]
    endpoints: Endpoints
    hours: BusinessHours
    moment: Callable[[], Moment]
    clock: Callable[[], datetime]

    async def ask(self, receiver_id: str, day: date, *, call: Call) -> Reconciliation:
        """Compare what a receiver holds of a day; what it proves to hold becomes delivered.

        Raises ReceiverNotFound, and ReceiverListMissing where no whole list came.
        """
        if receiver_id not in self.receiver_ids:
            raise ReceiverNotFound
        asked_at = self.moment().now
        held = await self._list_held(receiver_id, day)
        async with transaction(self.pool) as connection:
            unproven = await operations.list_unproven(
                connection, held, day=day, receiver_id=receiver_id
            )
        for item in unproven:
            await self._prove(item, asked_at=asked_at, receiver_id=receiver_id, call=call)
        async with transaction(self.pool) as connection:
            return await operations.reconcile(
                connection,
                [item.taken for item in held],
                day=day,
                scope=operations.scope_of(
                    receiver_id, day, may_see_restricted=True, asked_at=asked_at
                ),
                call=call,
                moment=self.moment(),
            )

    async def ask_all(self) -> int:
        """Ask every receiver that is open for the days before that lack a result; return how many.

        One that gives no list, or at which anything fails, holds up none after it; it is asked
        again at the next look. Raises ExceptionGroup of what failed and was not foreseen, at last.
        """
        at = self.moment()
        async with transaction(self.pool) as connection:
            missing = await operations.list_missing(connection, moment=at)
        asked, failures = 0, []
        for receiver_id, day in missing:
            if not self._is_open(receiver_id):
                continue
            call = Call(organisation=SERVICE, request_id=at.new_id(), traceparent=new_traceparent())
            try:
                await self.ask(receiver_id, day, call=call)
            except ReceiverListMissing:
                log.warning("receiver.list_missing", receiver=receiver_id)
            except Exception as error:  # noqa: BLE001 - the others are asked, whatever failed
                log.warning(
                    "receiver.asking_failed", receiver=receiver_id, error_type=type(error).__name__
                )
                failures.append(error)
            else:
                asked += 1
        if failures:
            raise ExceptionGroup("asking receivers failed", failures)
        return asked

    def _is_open(self, receiver_id: str) -> bool:
        endpoint = self.endpoints.find(receiver_id)
        return endpoint is not None and is_open(endpoint.hours or self.hours, now=self.moment().now)

    async def _list_held(self, receiver_id: str, day: date) -> Sequence[HeldItem]:
        endpoint = self.endpoints.find(receiver_id)
        if endpoint is None:
            raise ReceiverListMissing
        try:
            adapter = make_adapter(endpoint, clock=self.clock)
        except OSError as error:
            raise ReceiverListMissing from error
        try:
            held = await adapter.list_held(day, new_id=self.moment().new_id, timeout_s=LIST_S_MAX)
        finally:
            await adapter.close()
        if held is None:
            raise ReceiverListMissing
        return held

    async def _prove(
        self, item: HeldItem, *, asked_at: datetime, receiver_id: str, call: Call
    ) -> None:
        """Take one receipt in a transaction of its own: it locks the item's queue."""
        try:
            async with transaction(self.pool) as connection:
                await operations.prove(
                    connection,
                    item,
                    asked_at=asked_at,
                    receiver_id=receiver_id,
                    call=call,
                    moment=self.moment(),
                )
        except (InformationNotFound, DeliverySettled, SuccessorOvertaken):
            return
