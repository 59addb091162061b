"""Money in cents and business ids."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.values import business_ids
from kuntavayla.values.money import format_euros, per_mille_of


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "0,00 €"),
        (5, "0,05 €"),
        (3_378, "33,78 €"),
        (1_040_000, "10 400,00 €"),
        (161_200_000, "1 612 000,00 €"),
        (-5_300, "\N{MINUS SIGN}53,00 €"),
    ],
)
def test_an_amount_is_written_as_finnish_texts_write_it(cents: int, text: str) -> None:
    assert format_euros(cents) == text.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("cents", "per_mille", "share"),
    [(265_000, 400, 106_000), (125_000, 400, 50_000), (1, 500, 1), (1, 499, 0), (3, 500, 2)],
)
def test_half_a_cent_is_rounded_up(cents: int, per_mille: int, share: int) -> None:
    assert per_mille_of(cents, per_mille) == share


@given(st.integers(0, 10**15), st.integers(0, 2000))
def test_a_share_is_the_exact_one_rounded_to_the_nearest_cent(cents: int, per_mille: int) -> None:
    exact = Fraction(cents * per_mille, 1000)

    assert per_mille_of(cents, per_mille) == floor(exact + Fraction(1, 2))


def test_a_share_of_a_negative_amount_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError):
        per_mille_of(-1, 400)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("9900456-2", id="wrong check digit"),
        pytest.param("99004561", id="no hyphen"),
        pytest.param("990045-61", id="hyphen in the wrong place"),
        pytest.param(" 9900456-1", id="space before"),
        pytest.param("FI99004561", id="VAT number"),
        pytest.param("9900\N{FULLWIDTH DIGIT FOUR}56-1", id="full-width digit"),
        pytest.param("99004 6-1", id="space within"),
        pytest.param("", id="empty"),
    ],
)
def test_a_text_that_is_no_business_id_is_refused(text: str) -> None:
    assert not business_ids.is_valid(text)


@pytest.mark.parametrize("text", ["9900456-1", "2077474-0", "2296962-1"])
def test_a_business_id_is_known_by_its_check_digit(text: str) -> None:
    assert business_ids.is_valid(text)
