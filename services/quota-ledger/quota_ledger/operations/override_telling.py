"""What is told of an override: to the ELY centre of its area and to its case systems."""

from msgspec.structs import replace

from kuntavayla.events import Channel, EventDraft
from kuntavayla.register import Register
from kuntavayla.service.moments import Call, Moment
from quota_ledger.events import AboutOverride
from quota_ledger.operations.announcing import drafts_of
from quota_ledger.rules.overrides import FoundOverride


def override_drafts(
    kind: type[AboutOverride],
    found: FoundOverride,
    *,
    register: Register,
    call: Call,
    moment: Moment,
) -> list[EventDraft]:
    """Return an event of where an override stands, for each of the parties of its area.

    Of a restricted client's decision it goes to the restricted feeds alone.
    """
    data = _data(kind, found)
    drafts = drafts_of(
        data, cause_id=found.override.override_id, register=register, call=call, moment=moment
    )
    if not found.is_restricted:
        return drafts
    return [replace(one, channel=Channel.RESTRICTED) for one in drafts]


def _data(kind: type[AboutOverride], found: FoundOverride) -> AboutOverride:
    one, key = found.override, found.key
    return kind(
        override_id=one.override_id,
        decision_id=one.decision_id,
        account_id=one.account_id,
        area_code=key.area_code,
        municipality_code=key.municipality_code or None,
        instrument=key.instrument,
        budget_year=key.budget_year,
        cents=one.cents,
        raised_cents=one.raised_cents,
        covered_cents=one.covered_cents,
        returned_cents=one.returned_cents,
        left_cents=one.left_cents,
        cover_kind=one.cover.kind,
        expected_on=one.cover.expected_on,
        expires_on=one.expires_on,
    )
