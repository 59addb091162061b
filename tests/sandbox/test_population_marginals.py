from datetime import date

import pytest

from kuntavayla_sandbox.expectation import Confirmation, load_memberships
from kuntavayla_sandbox.population import Marginals, generate, marginals_of

DAY_ONE = date(2021, 3, 1)


@pytest.fixture(scope="module")
def tenth() -> Marginals:
    lines = generate(45_000, seed=3, legal_date=DAY_ONE)
    return marginals_of(lines, memberships=load_memberships(confirmed=Confirmation.ALL))


def test_an_empty_file_differs_from_every_figure_by_nothing_at_all() -> None:
    marginals = marginals_of([])

    assert marginals.registrations == 0
    assert all(row.synthetic == 0 for row in marginals.rows)
    assert all(row.difference_per_cent is None for row in marginals.rows)


def test_every_published_group_is_within_random_rounding_of_its_benchmark(tenth: Marginals) -> None:
    published = [row for row in tenth.rows if row.basis in {"published", "rescaled"}]

    for row in published:
        assert row.scaled is not None
        assert abs(row.synthetic - row.scaled) <= 3 * 25, row.group


def test_no_municipality_is_far_from_its_real_count(tenth: Marginals) -> None:
    assert tenth.municipalities == 309
    assert tenth.municipality_difference_max <= 10


def test_about_230_000_clients_would_move_at_full_size(tenth: Marginals) -> None:
    moved = {row.group: row for row in tenth.rows}

    assert moved["clients_moved"].synthetic == pytest.approx(23_000, rel=0.015)
    assert moved["unemployed_moved"].synthetic == pytest.approx(16_210, rel=0.02)


def test_what_is_fitted_is_marked_as_fitted(tenth: Marginals) -> None:
    basis = {(row.group, row.area): row.basis for row in tenth.rows}

    assert basis["in_services", "whole country"] == "fitted"
    assert basis["unemployed_not_entitled", "whole country"] == "fitted"
    assert basis["clients_moved", "whole country"] == "fitted"
    assert basis["unemployed_moved", "whole country"] == "fitted to, sanity"
    assert basis["under_25", "whole country"] == "published"


@pytest.mark.parametrize("group", ["men", "women", "under_20", "over_55"])
def test_a_figure_that_we_rescaled_does_not_pass_for_a_published_one(
    tenth: Marginals, group: str
) -> None:
    [row] = [row for row in tenth.rows if row.group == group]

    assert (row.basis, row.month) == ("rescaled", "2021-03")
