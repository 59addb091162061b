"""Sending a file of registrations.

Split into bulk calls, sent two at a time, taken up again where a break left it.

What belongs here: the sender as any TE system would write it, over the public contract alone.
"""

from kuntavayla_sandbox.send.answers import FaultCount, LineAnswer, Tally
from kuntavayla_sandbox.send.journal import Journal
from kuntavayla_sandbox.send.parts import FilePlan, Part, plan_parts
from kuntavayla_sandbox.send.sending import SendBroken, Sender

__all__ = [
    "FaultCount",
    "FilePlan",
    "Journal",
    "LineAnswer",
    "Part",
    "SendBroken",
    "Sender",
    "Tally",
    "plan_parts",
]
