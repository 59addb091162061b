"""What a receiver's answer means: one table from answer to action, with texts and who mends it.

An answer is first put in words (`receipt_given`, `timed_out`, `422 client_unknown`, `5xx`); the
table then has one row for each. A digest is never believed: it is compared with that of the bytes
that were sent.
"""

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Literal

import msgspec
from msgspec import Struct

from kuntavayla.values.codes import Instant, Reference
from kuntavayla.values.tables import TableFault
from kuntavayla.values.texts import Texts
from statement_relay.rules.digests import Digest

Action = Literal[
    "delivered", "receipt_follows", "now", "wait", "next_working_day", "never", "human"
]
Mender = Literal["nobody", "municipality", "te_office", "operator"]
Failure = Literal[
    "not_connected",
    "tls_failed",
    "timed_out",
    "connection_lost",
    "answer_too_large",
    "token_unavailable",
]
"""Why no whole answer came."""
_TABLE = "answers.toml"
_OK = 200
_CREATED = 201
_DEFAULTS = frozenset({"1xx", "2xx", "3xx", "4xx", "5xx"})
_WORDS = frozenset(
    {
        "receipt_given",
        "receipt_digest_differs",
        "receipt_missing",
        "answer_not_json",
        "x_road_error",
        "not_connected",
        "tls_failed",
        "timed_out",
        "connection_lost",
        "answer_too_large",
        "token_unavailable",
    }
)


class Receipt(Struct, frozen=True):
    """The proof that a receiver gives; new members are let pass."""

    receipt_id: Reference
    received_at: Instant
    digest: Digest


class Answer(Struct, frozen=True, kw_only=True):
    """What came back from one call, as far as it can be trusted to be read.

    Either a `failure`, or a `status`; `code` is that of the receiver's problem document. `receipt`
    is what the content is, where it is a well-formed receipt. `retry_after_s` is the header's, and
    `request_hash` what the bus gives as its proof that it carried the request.
    """

    status: int | None = None
    failure: Failure | None = None
    code: str | None = None
    is_json: bool = False
    has_x_road_error: bool = False
    receipt: Receipt | None = None
    retry_after_s: int | None = None
    request_hash: str | None = None


class Verdict(Struct, frozen=True):
    """What to do, by which code; a receiver's own fault is one that its breaker counts."""

    action: Action
    code: str
    is_receivers_fault: bool


class AnswerRow(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row: the answers in words, the action, who mends it, what it is and what to do.

    A row without `on` is a code of the relay's own making, which no answer leads to.
    """

    code: str
    on: tuple[str, ...] = ()
    action: Action
    mends: Mender
    is_receivers_fault: bool = False
    text: Texts
    advice: Texts

    @property
    def verdict(self) -> Verdict:
        """The verdict that the row gives."""
        return Verdict(self.action, self.code, self.is_receivers_fault)


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    answer: tuple[AnswerRow, ...]


class AnswerTable:
    """The table, checked at loading: every possible answer leads to exactly one row."""

    def __init__(self, rows: tuple[AnswerRow, ...]) -> None:
        self.rows = rows
        self._by_code = {row.code: row for row in rows}
        self._by_word: dict[str, AnswerRow] = {}
        if len(self._by_code) != len(rows):
            raise TableFault(_TABLE, "A code stands twice.")
        for row in rows:
            for word in row.on:
                if word in self._by_word:
                    raise TableFault(_TABLE, f"{word} leads to two rows.")
                self._by_word[word] = row
        missing = (_DEFAULTS | _WORDS) - self._by_word.keys()
        if missing:
            raise TableFault(_TABLE, f"No row for {', '.join(sorted(missing))}.")

    def verdict(self, answer: Answer, *, digest: str) -> Verdict:
        """Return what to do about an answer to bytes of that digest; every answer has a verdict."""
        for word in words_of(answer, digest=digest):
            row = self._by_word.get(word)
            if row is not None:
                return row.verdict
        raise AssertionError("Loading refuses a table that leaves an answer without a row.")

    def of(self, code: str) -> AnswerRow:
        """Return the row of a code of ours; LookupError where there is none."""
        return self._by_code[code]


def words_of(answer: Answer, *, digest: str) -> Iterator[str]:
    """Yield the words for an answer, the most exact first; the last always has a row."""
    if answer.failure is not None:
        yield answer.failure
    elif answer.has_x_road_error:
        yield "x_road_error"
    elif answer.status in (_OK, _CREATED):
        yield _word_for_receipt(answer, digest=digest)
    else:
        assert answer.status is not None, "An answer has a status or a failure."
        if answer.code is not None:
            yield f"{answer.status} {answer.code}"
        yield str(answer.status)
        yield _class_of(answer.status)


def _word_for_receipt(answer: Answer, *, digest: str) -> str:
    if answer.receipt is None:
        return "receipt_missing" if answer.is_json else "answer_not_json"
    return "receipt_given" if answer.receipt.digest == digest else "receipt_digest_differs"


def _class_of(status: int) -> str:
    """Return the class of a status; what is none of HTTP counts as the receiver's failure.

    Source: RFC 9110, section 15.
    """
    word = f"{status // 100}xx"
    return word if word in _DEFAULTS else "5xx"


def load_answers(source: Traversable) -> AnswerTable:
    """Read the table; raises TableFault where it is not in order."""
    try:
        return AnswerTable(msgspec.toml.decode(source.read_bytes(), type=_File).answer)
    except msgspec.MsgspecError as error:
        raise TableFault(_TABLE, str(error)) from error
