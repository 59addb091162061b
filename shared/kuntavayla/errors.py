"""Failures that a healthy system may meet, as facts: five kinds, each failure a class.

What belongs here: the kinds, the base class, and failures that every service can meet. A service's
own failures stand in its `errors.py`. Refusals of the edge itself (400, 401, 410, 412, 413, 415,
428, 429) are not failures of this sort.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from typing_extensions import override


class Kind(StrEnum):
    """What a failure means to the caller; each edge has one table from kind to its answer."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request's content: JSON pointer, code, and advice; never the value itself."""

    pointer: str
    code: str
    message: str


class DomainError(Exception):
    """Something that may happen in a healthy system.

    The docstring's first line of a subclass is its public title, `code` its public code. Attributes
    given to the constructor are public facts and never personal data.
    """

    kind: ClassVar[Kind]
    code: ClassVar[str]

    def __init__(self, **facts: str | int) -> None:
        super().__init__(self.code)
        self.facts = facts

    @classmethod
    def title(cls) -> str:
        """Return the public title of the failure."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")

    @override
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    @override
    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(self.facts.items()))))


class InvalidContent(DomainError):
    """The content has faults; nothing was stored."""

    kind = Kind.INVALID
    code = "invalid_content"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__()
        self.faults = faults


class Unavailable(DomainError):
    """The service cannot answer now; send the same request again later."""

    kind = Kind.UNAVAILABLE
    code = "unavailable"

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s
