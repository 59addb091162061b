"""The audit: who did what to which client, for what purpose, with what outcome; append-only.

Lines are plain inserts in the transaction that they witness; a refusal's line commits on its own;
no answer leaves before its line is committed. Behind them a sealer closes signed blocks, so that
a change by an owner of the database can be proved. Reading the audit is itself audited.
"""

from kuntavayla.audit.blocks import SealKey, SealKeys
from kuntavayla.audit.days import SealedDay
from kuntavayla.audit.electing import keep_sealing
from kuntavayla.audit.lines import (
    COLUMNS,
    AuditFilter,
    AuditLine,
    StoredLine,
    append,
    list_disclosures,
    list_lines,
)
from kuntavayla.audit.sealing import Sealer, SealState, load_state
from kuntavayla.audit.tables import add_tables
from kuntavayla.audit.verifying import Anchor, BlockSpan, Difference, Verification, verify

__all__ = [
    "COLUMNS",
    "Anchor",
    "AuditFilter",
    "AuditLine",
    "BlockSpan",
    "Difference",
    "SealKey",
    "SealKeys",
    "SealState",
    "SealedDay",
    "Sealer",
    "StoredLine",
    "Verification",
    "add_tables",
    "append",
    "keep_sealing",
    "list_disclosures",
    "list_lines",
    "load_state",
    "verify",
]
