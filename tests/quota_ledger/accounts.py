"""Accounts as they stand, and changes of them, for rules and for the database."""

from datetime import date
from typing import Any
from uuid import UUID

from quota_ledger.rules.accounts import AccountKey
from quota_ledger.rules.balances import Balance, Sums
from quota_ledger.rules.entries import EntryKind
from quota_ledger.rules.posting import Draw, Holds, Leg, Posting, Refs
from tests.quota_ledger.responsibles import CLIENT

DAY = date(2021, 8, 24)
REFS = Refs(value_on=DAY, organisation="ely-14", official_id="ely-14:u-7")
KAINUU = AccountKey("kainuu", "", "PAY_SUBSIDY", 2021)


def id_of(number: int) -> str:
    """Return the id of an account by its number."""
    return str(UUID(int=number))


def balance(number: int = 1, **changes: Any) -> Balance:  # noqa: ANN401 - members of any type
    """Return an account; sums are given by their names."""
    sums = {name: changes.pop(name) for name in [*changes] if name in Sums.__struct_fields__}
    members: dict[str, Any] = {
        "account_id": id_of(number),
        "key": AccountKey("kainuu", "", "PAY_SUBSIDY", 2020 + number),
        "binds_persons": False,
        "is_lapsed": False,
        "last_position": 0,
        "threshold_told": 0,
    }
    return Balance(sums=Sums(**sums), **{**members, **changes})


def leg(account_id: str, kind: EntryKind = "initial", **change: int) -> Leg:
    """Return a leg without a client."""
    return Leg(account_id=account_id, kind=kind, change=Sums(**change))


def held_leg(
    account_id: str,
    kind: EntryKind,
    *,
    client_id: str = CLIENT,
    holds: Holds,
    **change: int,
) -> Leg:
    """Return a leg that counts a client."""
    return Leg(
        account_id=account_id,
        kind=kind,
        change=Sums(**change),
        client_id=client_id,
        holds=holds,
    )


def posting(*legs: Leg) -> Posting:
    return Posting(legs=legs, refs=REFS)


def draw(*account_ids: str, cents: int, client_id: str = CLIENT) -> Draw:
    return Draw(account_ids=account_ids, cents=cents, client_id=client_id, refs=REFS)
