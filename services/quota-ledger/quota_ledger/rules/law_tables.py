"""The tables of law of the quota, as packaged: read once at composition."""

from importlib.resources.abc import Traversable

from msgspec import Struct

from quota_ledger.rules.limits import Limits, load_limits
from quota_ledger.rules.own_posts import OwnPosts, load_own_posts
from quota_ledger.rules.pay_subsidy import PaySubsidyTable, load_pay_subsidy
from quota_ledger.rules.service_codes import ServiceCodes, load_service_codes
from quota_ledger.rules.start_up_grant import StartUpGrantTable, load_start_up_grant


class QuotaTables(Struct, frozen=True, kw_only=True):
    """The tables of law, as read from data at composition."""

    pay_subsidy: PaySubsidyTable
    start_up_grant: StartUpGrantTable
    service_codes: ServiceCodes
    own_posts: OwnPosts
    limits: Limits


def load_quota_tables(folder: Traversable) -> QuotaTables:
    """Read every table of the folder; raises TableFault where one is not in order."""
    return QuotaTables(
        pay_subsidy=load_pay_subsidy(folder / "pay_subsidy.csv"),
        start_up_grant=load_start_up_grant(folder / "start_up_grant.csv"),
        service_codes=load_service_codes(folder / "service_codes.csv"),
        own_posts=load_own_posts(
            folder / "municipality_business_ids.csv", folder / "controlled_bodies.csv"
        ),
        limits=load_limits(folder / "limits.csv"),
    )
