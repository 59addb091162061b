"""Does somebody's own TE system keep the receiver contract? Each promise is tried, one by one.

Written from the contract alone: nothing here knows the relay or the simulator, and what is tried
is what the relay relies on. Everything is sent with ids of its own, so that a run leaves items of
test clients behind and nothing else.
"""

from kuntavayla_sandbox.conformance.promises import PROMISES
from kuntavayla_sandbox.conformance.receiver import Access, XRoadNames
from kuntavayla_sandbox.conformance.report import report_table
from kuntavayla_sandbox.conformance.trying import Finding, Result, try_all

__all__ = [
    "PROMISES",
    "Access",
    "Finding",
    "Result",
    "XRoadNames",
    "report_table",
    "try_all",
]
