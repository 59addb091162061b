"""What decides, the same for every batch of a process: the law, the register, the vault."""

from msgspec import Struct

from routing_api.operations.registers import RegisterKeeper
from routing_api.operations.vault import IdentityVault
from routing_api.rules.due_times import Deadlines
from routing_api.rules.rule_sets import RuleSets


class Law(Struct, frozen=True):
    """What decides, the same for every batch of a process."""

    rule_sets: RuleSets
    registers: RegisterKeeper
    deadlines: Deadlines
    vault: IdentityVault
