"""What acceptance needs to know beside the database: law, register, target times, secrets."""

from collections.abc import Callable

from msgspec import Struct

from kuntavayla.register import Register
from kuntavayla.values.digests import KeyedDigest
from statement_relay.rules.clocks import DeliveryTarget
from statement_relay.rules.competence import Tables
from statement_relay.rules.intake import IntakeLimits


class Law(Struct, frozen=True, kw_only=True):
    """The tables of law of a process, with its settings; `draw_nonce` is made at the edge."""

    tables: Tables
    register: Register
    target: DeliveryTarget
    limits: IntakeLimits
    fingerprints: tuple[KeyedDigest, ...]
    draw_nonce: Callable[[], bytes]
