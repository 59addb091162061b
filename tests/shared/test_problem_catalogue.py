from pathlib import Path

import pytest

from kuntavayla.service.operations.problems import (
    ProblemFileFault,
    load_problems,
    problems_of_release,
)

ROW = """
[[problem]]
code = "{code}"
status = 409
retry = "{retry}"
mends = "nobody"
title = {{ fi = "Otsikko.", sv = "Rubrik.", en = "{title}" }}
advice = {{ fi = "Neuvo.", sv = "Råd.", en = "Advice." }}
"""


def row(code: str = "in_progress", *, retry: str = "later", title: str = "Title.") -> str:
    return ROW.format(code=code, retry=retry, title=title)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(row() + row(), "stands once", id="a code twice"),
        pytest.param(row("not_ready") + row(), "in the order", id="out of order"),
        pytest.param(row(retry="perhaps"), "retry", id="another retry"),
        pytest.param(row(title=" "), "three languages", id="a text left out"),
        pytest.param(row() + 'more = "1"', "unknown field", id="more than is known"),
        pytest.param("[[problem]]", "required field", id="less than is needed"),
        pytest.param("problem =", "Invalid", id="no TOML"),
    ],
)
def test_a_file_that_is_not_in_order_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    source = tmp_path / "problems.toml"
    source.write_text(text, encoding="utf-8")

    with pytest.raises(ProblemFileFault, match=reason):
        load_problems(source)


def test_what_helps_later_is_never_the_callers_content() -> None:
    later = {entry.code for entry in problems_of_release() if entry.retry == "later"}
    unavailable = {entry.code for entry in problems_of_release() if entry.status in {429, 503}}

    assert unavailable <= later
    assert later & {"invalid_content", "json_malformed", "idempotency_key_reused"} == set()
