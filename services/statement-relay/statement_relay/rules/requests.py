"""What a TE office asks of a municipality about a client, and how it is answered."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kuntavayla.errors import Fault
from kuntavayla.values.codes import Id, Reference
from kuntavayla.values.identity_codes import holds_identity_code
from kuntavayla.values.officials import ActingOfficial
from statement_relay.rules.kinds import InformationKind
from statement_relay.rules.shape import TimeSpan

QuestionCode = Literal[
    "what_happened", "was_client_heard", "send_document", "confirm_days", "other"
]
AnswerCode = Literal["information_sent", "nothing_to_tell", "another_authority"]
RequestState = Literal["open", "answered"]
RequestFlag = Literal["overdue"]
_HAS_ITEMS: AnswerCode = "information_sent"
_NO_CODE = "Give a text that holds no personal identity code."
Question = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        title="question",
        description="Give 1 to 1,000 characters, without health or identity codes.",
    ),
]
WorkingDays = Annotated[
    int, Meta(ge=1, le=30, title="working_days", description="Give 1 to 30 working days.")
]


class AskRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question of a TE office about a client; `reference` is the office's own, once for ever.

    The municipality that was responsible on the first day of `period` is asked. Without
    `working_days` it has as many as the service gives.
    """

    reference: Reference
    client_id: Id
    kind: InformationKind | None = None
    period: TimeSpan
    question_code: QuestionCode
    question: Question
    working_days: WorkingDays | None = None
    acting_official: ActingOfficial | None = None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the question in itself."""
        yield from period_faults(self.period)
        for pointer, text in (("/reference", self.reference), ("/question", self.question)):
            if holds_identity_code(text):
                yield Fault(pointer, "text_holds_identity_code", _NO_CODE)


class AnswerRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The answer of a case system: what it has sent, or that there is nothing."""

    answer_code: AnswerCode
    information_ids: Annotated[tuple[Id, ...], Meta(max_length=50)] = ()
    acting_official: ActingOfficial | None = None

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the answer in itself."""
        pointer = "/information_ids"
        if self.answer_code == _HAS_ITEMS and not self.information_ids:
            advice = "Name the items of information that answer the question."
            yield Fault(pointer, "needed_in_answer", advice)
        if self.answer_code != _HAS_ITEMS and self.information_ids:
            advice = f'Name items only in an answer of the code "{_HAS_ITEMS}".'
            yield Fault(pointer, "not_expected_in_answer", advice)
        if len(set(self.information_ids)) < len(self.information_ids):
            yield Fault(pointer, "id_repeated", "Name each item once.")


class InformationRequest(Struct, frozen=True, kw_only=True):
    """A question with its standing; `organisation` asked, `case_system_id` answers."""

    information_request_id: str
    organisation: str
    reference: str
    fingerprint: bytes
    client_id: str
    te_office_code: str
    case_system_id: str
    municipality_code: str
    kind: str | None
    period: TimeSpan
    question_code: str
    question: str
    asked_at: datetime
    remind_at: datetime
    due_at: datetime
    reminded_at: datetime | None = None
    overdue_at: datetime | None = None
    state: RequestState = "open"
    answered_at: datetime | None = None
    answer_code: str | None = None
    answer_fingerprint: bytes | None = None
    information_ids: tuple[str, ...] = ()

    def is_overdue(self, *, now: datetime) -> bool:
        """Tell whether the question is open although its time has passed."""
        return self.state == "open" and self.due_at <= now


class Answering(Struct, frozen=True, kw_only=True):
    """What an answer puts on record."""

    information_request_id: str
    answered_at: datetime
    answer_code: AnswerCode
    fingerprint: bytes
    information_ids: tuple[str, ...]


class RequestFilter(Struct, frozen=True, kw_only=True):
    """Whose requests are listed: an office's, a case system's, or all; and which of them."""

    te_office_code: str | None
    case_system_id: str | None
    state: RequestState | None
    overdue_at: datetime | None
    may_see_restricted: bool


def period_faults(period: TimeSpan) -> Iterator[Fault]:
    """Yield the fault of a period that ends before it starts."""
    if period.ends_on is not None and period.ends_on < period.starts_on:
        advice = "Give a day that is not before starts_on."
        yield Fault("/period/ends_on", "day_before_another", advice)
