from pathlib import Path

import pytest

from kuntavayla.service.operations.codes import CodeFileFault, PlainCode, load_codes
from kuntavayla.values.texts import Texts

LISTS = {"answers": ("yes", "no")}
GOOD = """
[answers]
no = { fi = "Ei", sv = "Nej", en = "No" }
yes = { fi = "Kyllä", sv = "Ja", en = "Yes" }
"""


def load(text: str, folder: Path) -> dict[str, list[PlainCode]]:
    source = folder / "codes.toml"
    source.write_text(text, encoding="utf-8")
    return load_codes(source, lists=LISTS)


def test_a_list_is_told_in_its_own_order(tmp_path: Path) -> None:
    assert load(GOOD, tmp_path) == {
        "answers": [
            PlainCode(code="yes", text=Texts(fi="Kyllä", sv="Ja", en="Yes")),
            PlainCode(code="no", text=Texts(fi="Ei", sv="Nej", en="No")),
        ]
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "Other lists: answers", id="a list left out"),
        pytest.param(f"{GOOD}\n[more]", "Other lists: more", id="a list too many"),
        pytest.param(GOOD.replace("no =", "perhaps ="), "no, perhaps", id="another code"),
        pytest.param(GOOD.replace('"Nej"', '""'), "three languages", id="a text left out"),
        pytest.param(GOOD.replace('sv = "Nej", ', ""), "required field", id="a language left out"),
        pytest.param("answers = 1", "Expected `object`", id="no list"),
        pytest.param("[answers", "Expected|Invalid", id="no TOML"),
    ],
)
def test_a_file_that_is_not_in_order_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(CodeFileFault, match=reason):
        load(text, tmp_path)
