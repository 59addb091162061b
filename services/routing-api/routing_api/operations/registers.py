"""The register as it stands: the data of the release and the changes recorded since."""

from collections.abc import Sequence

from kuntavayla import audit
from kuntavayla.audit import AuditLine
from kuntavayla.database import Connection
from kuntavayla.register import Register, RegisterChange
from kuntavayla.service.moments import Moment
from kuntavayla.values.officials import ActingOfficial
from routing_api.store import register_changes


class RegisterKeeper:
    """Gives the register that holds in a transaction; builds it anew after a recorded change."""

    def __init__(self, release: Register) -> None:
        self._release = release
        self._count = 0
        self._current = release

    @property
    def newest(self) -> Register:
        """Return the register as this process saw it last; for checks that need no transaction."""
        return self._current

    async def current(self, connection: Connection) -> Register:
        """Return the register with every change that the transaction can see."""
        count = await register_changes.load_count(connection)
        if count != self._count:
            changes = await register_changes.load_changes(connection)
            self._current = self._release.with_changes(changes)
            self._count = len(changes)
        return self._current


async def confirm_memberships(
    connection: Connection,
    keeper: RegisterKeeper,
    *,
    official: ActingOfficial,
    organisation: str,
    reason: str,
    moment: Moment,
) -> Sequence[str]:
    """Record that every unconfirmed membership of today is confirmed; return the municipalities.

    Records nothing where none is unconfirmed. Takes the lock of register changes.
    """
    number = await register_changes.lock_changes(connection)
    register = await keeper.current(connection)
    codes = sorted({row.municipality_code for row in register.unconfirmed(on=moment.today)})
    if not codes:
        return codes
    change = RegisterChange(
        moment.new_id(), "confirm_memberships", tuple(codes), reason, moment.today
    )
    await register_changes.append_change(
        connection,
        change,
        number=number + 1,
        organisation=organisation,
        official_id=official.official_id,
        at=moment.now,
    )
    line = _line_of(change, official=official, organisation=organisation, moment=moment)
    await audit.append(connection, [line])
    return codes


def _line_of(
    change: RegisterChange, *, official: ActingOfficial, organisation: str, moment: Moment
) -> AuditLine:
    return AuditLine(
        recorded_at=moment.now,
        organisation=organisation,
        official_id=official.official_id,
        official_role=official.role,
        action="register.changed",
        outcome="confirmed",
        resource_id=change.change_id,
        request_id=change.change_id,
    )
