"""The catalogue of problems on the wire."""

from collections.abc import Sequence

from msgspec import Struct

from kuntavayla.service.operations.problems import ProblemMender, Retry
from kuntavayla.values.texts import Texts


class ProblemResponse(Struct, frozen=True, kw_only=True):
    """A problem code: its page, whether the call helps again, who mends it, and what to do."""

    code: str
    status: int
    type: str
    retry: Retry
    mends: ProblemMender
    title: Texts
    advice: Texts


class ProblemList(Struct, frozen=True):
    """Every problem code of the services."""

    items: Sequence[ProblemResponse]
