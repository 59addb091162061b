"""JSON log lines that cannot hold personal data: constant event names, fields of the allowlist.

What belongs here: how a line is made, from our own calls and from the standard library's loggers.
Exceptions are written as type and frames, never with their message: a database's message quotes the
row that it refused.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import PurePath
from types import FrameType, TracebackType
from typing import IO, Any, cast

import msgspec
import structlog
from typing_extensions import override

from kuntavayla.telemetry.fields import (
    REDACTED,
    SHARED_FIELDS,
    Shape,
    looks_like_identity_code,
    scrub,
)
from kuntavayla.telemetry.traces import current_trace

Log = structlog.typing.FilteringBoundLogger

_EVENT = re.compile(r"[a-z_.]{1,64}")
_TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")
_FUNCTION = re.compile(r"[A-Za-z_<][A-Za-z0-9_<>.]{0,127}")
_FILE = re.compile(r"[A-Za-z0-9_./<>-]{1,160}")
_TEMPLATE_LENGTH_MAX = 200
_FRAMES_MAX = 30
_CAUSES_MAX = 5
_FILE_PARTS = 3
_encode = msgspec.json.Encoder().encode


class LineWriter:
    """Write one line a call to a binary stream, at once.

    A stream that is gone costs lines, which are counted, and never an answer.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.lost_lines = 0

    def write_line(self, line: str) -> None:
        """Write the line; the stream is flushed, so that a crash loses no line."""
        try:
            self._stream.write(line.encode() + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.lost_lines += 1

    debug = info = warning = error = critical = exception = log = msg = write_line


class LineMaker:
    """Make a line of an event: names and values of the allowlist pass, all else is "[redacted]"."""

    def __init__(self, *, fields: Mapping[str, Shape], constants: Mapping[str, str]) -> None:
        self._fields = {**SHARED_FIELDS, **fields}
        self._constants = {name: self._value_of(name, value) for name, value in constants.items()}

    def __call__(self, _: object, level: str, event: MutableMapping[str, Any]) -> str:
        """Return the line of an event as structlog hands it over."""
        return self.line_of(level, event)

    def line_of(self, level: str, event: MutableMapping[str, Any]) -> str:
        """Return one JSON line of the event, scrubbed once more at the end."""
        name = event.pop("event", None)
        error = _error_of(event.pop("exc_info", None))
        written: dict[str, object] = {
            "at": _instant_text(datetime.now(UTC)),
            "level": level,
            "event": name if isinstance(name, str) and _EVENT.fullmatch(name) else REDACTED,
            **self._constants,
        }
        trace = current_trace()
        if trace is not None:
            written["request_id"] = trace.request_id
            written["trace_id"] = trace.trace_id
        for field, value in event.items():
            self._write(written, field, value)
        if error is not None:
            written["error"] = describe_error(error)
        return scrub(_encode(written).decode())

    def line_of_record(self, record: logging.LogRecord, *, template: str) -> str:
        """Return the line of a library's record: its logger, level and literal template."""
        written: dict[str, object] = {
            "at": _instant_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "event": "library.logged",
            **self._constants,
            "logger": record.name if _TYPE_NAME.fullmatch(record.name) else REDACTED,
            "template": template,
        }
        if record.exc_info and record.exc_info[1] is not None:
            written["error"] = describe_error(record.exc_info[1])
        return scrub(_encode(written).decode())

    def _write(self, written: dict[str, object], field: str, value: object) -> None:
        if field in self._fields:
            written[field] = self._value_of(field, value)
        else:
            written["redacted"] = cast("int", written.get("redacted", 0)) + 1

    def _value_of(self, field: str, value: object) -> str | int | None:
        if value is None:
            return None
        try:
            shaped = self._fields[field](value)
        except (TypeError, ValueError):
            shaped = None
        return REDACTED if shaped is None else shaped


def _instant_text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and exc_info:
        return _error_of(exc_info[1])
    return sys.exc_info()[1] if exc_info else None


def describe_error(error: BaseException) -> list[dict[str, object]]:
    """Return type and frames of an exception and its causes, without any message."""
    described: list[dict[str, object]] = []
    current: BaseException | None = error
    while current is not None and len(described) < _CAUSES_MAX:
        described.append({"type": _type_of(current), "frames": _frames_of(current.__traceback__)})
        current = current.__cause__ or current.__context__
    return described


def _type_of(error: BaseException) -> str:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}".replace("<locals>.", "")
    return name if _TYPE_NAME.fullmatch(name) else REDACTED


def _frames_of(traceback: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while traceback is not None:
        frames.append(_frame_text(traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return frames[-_FRAMES_MAX:]


def _frame_text(frame: FrameType, line: int) -> str:
    file = "/".join(PurePath(frame.f_code.co_filename).parts[-_FILE_PARTS:])
    function = frame.f_code.co_name
    if _FILE.fullmatch(file) is None or looks_like_identity_code(file):
        file = REDACTED
    return f"{file}:{line}:{function if _FUNCTION.fullmatch(function) else REDACTED}"


class LibraryHandler(logging.Handler):
    """Write the standard library's records: logger, level, template; never the arguments.

    A template is written only if it is a literal of the code that logged it. Some libraries format
    before they log, and then the "template" holds values: asyncio quotes the exception of a lost
    task so.
    """

    def __init__(self, maker: LineMaker, writer: LineWriter) -> None:
        super().__init__()
        self._maker = maker
        self._writer = writer

    @override
    def emit(self, record: logging.LogRecord) -> None:
        template = record.msg if isinstance(record.msg, str) else REDACTED
        if not _is_literal(template, record) or looks_like_identity_code(template):
            template = REDACTED
        self._writer.write_line(self._maker.line_of_record(record, template=template))


def _is_literal(template: str, record: logging.LogRecord) -> bool:
    if len(template) > _TEMPLATE_LENGTH_MAX:
        return False
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # the documented way to a caller's code
    while frame is not None:
        code = frame.f_code
        if code.co_filename == record.pathname and code.co_name == record.funcName:
            return template in code.co_consts
        frame = frame.f_back
    return False


def configure_logging(
    *,
    service: str,
    version: str,
    stream: IO[bytes] | None = None,
    fields: Mapping[str, Shape] | None = None,
    level: int = logging.INFO,
) -> None:
    """Send our own and the libraries' logs to the stream (standard output) as JSON lines.

    Called once, at composition.

    `fields` are the service's own additions to the allowlist.
    """
    writer = LineWriter(stream if stream is not None else sys.stdout.buffer)
    maker = LineMaker(fields=fields or {}, constants={"service": service, "version": version})
    structlog.configure(
        processors=[cast("structlog.typing.Processor", maker)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=cast("Callable[..., structlog.typing.WrappedLogger]", lambda *_: writer),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [LibraryHandler(maker, writer)]
    root.setLevel(max(level, logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore"):
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
        library.setLevel(logging.WARNING if name != "uvicorn.error" else logging.INFO)
    logging.captureWarnings(capture=True)


log: Log = structlog.get_logger()
"""The log: `log.info("batch.done", items=3)`; it follows `configure_logging`."""
