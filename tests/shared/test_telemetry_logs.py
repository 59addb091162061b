import io
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.telemetry import configure_logging, enter_trace, log, trace_of
from kuntavayla.telemetry.fields import SHARED_FIELDS, scrub
from kuntavayla.telemetry.logs import LineMaker, LineWriter, describe_error

CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
CENTURY_SIGNS = "-+YXWVUABCDEF"
MAKER = LineMaker(fields={}, constants={"service": "routing-api", "version": "1.0.0"})


@st.composite
def identity_codes(draw: st.DrawFn) -> str:
    day, month, year = draw(st.integers(1, 28)), draw(st.integers(1, 12)), draw(st.integers(0, 99))
    number = draw(st.integers(2, 999))
    digits = f"{day:02}{month:02}{year:02}{number:03}"
    check = CHECK_CHARACTERS[int(digits) % 31]
    return f"{digits[:6]}{draw(st.sampled_from(CENTURY_SIGNS))}{digits[6:]}{check}"


@st.composite
def values_with_a_code(draw: st.DrawFn) -> tuple[str, Any]:
    code = draw(identity_codes())
    before, after = draw(st.text(max_size=5)), draw(st.text(max_size=5))
    text = f"{before}{code}{after}"
    value = draw(
        st.sampled_from(
            [text, code, code.lower(), [text], {text: text}, ValueError(text), text.encode()]
        )
    )
    return code, value


@given(values_with_a_code(), st.one_of(st.sampled_from(sorted(SHARED_FIELDS)), st.text()))
def test_no_identity_code_comes_out_of_any_field(found: tuple[str, Any], field: str) -> None:
    code, value = found

    line = MAKER.line_of("info", {"event": "batch.done", field: value})

    assert code not in line
    assert code.lower() not in line


@given(identity_codes(), st.text(max_size=5))
def test_no_identity_code_comes_out_of_an_event_name(code: str, before: str) -> None:
    line = MAKER.line_of("info", {"event": f"{before}{code}"})

    assert code not in line


@given(identity_codes(), st.text(max_size=40), st.text(max_size=40))
def test_the_last_scrub_leaves_no_right_code(code: str, before: str, after: str) -> None:
    assert code not in scrub(f"{before}{code}{after}")


@given(st.uuids())
def test_an_id_that_holds_no_right_code_comes_out_whole(value: UUID) -> None:
    line = MAKER.line_of("info", {"event": "batch.done", "client_id": value})

    assert str(value) in line or "[redacted]" in scrub(str(value))


@given(identity_codes())
def test_an_exception_is_written_without_its_message(code: str) -> None:
    with pytest.raises(ValueError, match=code[:6]) as raised:
        raise_from(code)

    line = MAKER.line_of("error", {"event": "request.failed", "exc_info": raised.value})

    assert code not in line
    assert "builtins.ValueError" in line
    assert "builtins.KeyError" in line


def test_an_exceptions_frames_name_file_line_and_function() -> None:
    with pytest.raises(ValueError, match="secret") as raised:
        raise_below("secret")

    [described] = describe_error(raised.value)

    frames = described["frames"]
    assert isinstance(frames, list)
    assert frames[-1].endswith(":raise_below")
    assert "secret" not in str(described)


def raise_from(code: str) -> None:
    raise ValueError(code) from KeyError(f"DETAIL: Key (lookup)=({code})")


def raise_below(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organisation", "Aino Esimerkki"),
        ("organisation", "aino.esimerkki@example.org"),
        ("client_id", "240587"),
        ("client_id", 7),
        ("items", "12"),
        ("items", True),
        ("items", 2**60),
        ("route", "/routing/v1/clients/0177ec61-3ab9-7893-923f-0824128b2f33"),
        ("route", "/routing/v1/clients?name=esimerkki"),
        ("status", "200 Aino"),
        ("trace_id", "Aino"),
        ("version", "Aino"),
    ],
)
def test_a_value_that_does_not_fit_its_field_is_redacted(field: str, value: object) -> None:
    line = MAKER.line_of("info", {"event": "batch.done", field: value})

    assert f'"{field}":"[redacted]"' in line


def test_a_field_that_is_not_declared_is_counted_and_not_named() -> None:
    line = MAKER.line_of("info", {"event": "batch.done", "name_aino": "Aino", "b": 1})

    assert "aino" not in line.lower()
    assert '"redacted":2' in line


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        ("organisation", "cs-sotkamo", '"cs-sotkamo"'),
        ("route", "/routing/v1/decisions/{decision_id}", '"/routing/v1/decisions/{decision_id}"'),
        ("route", "/routing/v1/registrations:bulk", '"/routing/v1/registrations:bulk"'),
        ("route", "/routing/v1/reviews/{review_id}:resolve", '{review_id}:resolve"'),
        ("items", 256, "256"),
        ("register_version", "2021-03-01.1", '"2021-03-01.1"'),
        ("problem", "token_expired", '"token_expired"'),
        ("error_type", "asyncpg.exceptions.DeadlockDetectedError", "DeadlockDetectedError"),
    ],
)
def test_a_value_that_fits_is_written(field: str, value: object, written: str) -> None:
    line = MAKER.line_of("info", {"event": "batch.done", field: value})

    assert written in line


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    found = io.BytesIO()
    configure_logging(service="routing-api", version="1.0.0", stream=found)

    yield found

    root.handlers, root.level = kept[0], kept[1]
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_a_librarys_arguments_are_not_written(stream: io.BytesIO) -> None:
    logging.getLogger("asyncpg").warning("refused row %s", "240587-921N")

    text = stream.getvalue().decode()
    assert '"template":"refused row %s"' in text
    assert "240587" not in text


def test_a_librarys_text_made_before_logging_is_not_written(stream: io.BytesIO) -> None:
    name = "Aino Esimerkki"
    logging.getLogger("asyncio").error(f"exception of {name} was never retrieved")  # noqa: G004

    text = stream.getvalue().decode()
    assert '"template":"[redacted]"' in text
    assert "Aino" not in text


def test_a_librarys_exception_is_written_without_its_message(stream: io.BytesIO) -> None:
    try:
        raise_below("Aino Esimerkki")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")

    text = stream.getvalue().decode()
    assert "raise_below" in text
    assert "Aino" not in text


def test_our_lines_carry_the_request_and_the_trace(stream: io.BytesIO) -> None:
    request_id = "c0f1c6f2-8a0e-4d3b-9a5e-6a3b2f0f7c11"
    enter_trace(trace_of(request_id, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))

    log.info("batch.done", items=3)

    text = stream.getvalue().decode()
    assert request_id in text
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in text


def test_a_stream_that_is_gone_costs_the_line_and_not_the_call() -> None:
    stream = io.BytesIO()
    stream.close()
    writer = LineWriter(stream)

    writer.write_line("{}")

    assert writer.lost_lines == 1


def test_a_service_adds_its_own_fields(stream: io.BytesIO) -> None:
    configure_logging(
        service="routing-api",
        version="1.0.0",
        stream=stream,
        fields={"area": SHARED_FIELDS["organisation"]},
    )

    log.info("area.counted", area="kainuu")

    assert b'"area":"kainuu"' in stream.getvalue()
