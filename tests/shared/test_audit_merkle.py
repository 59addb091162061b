from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuntavayla.audit import ranges
from kuntavayla.audit.merkle import root_of

# The inputs and roots of the reference tests of Certificate Transparency (RFC 6962).
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
leaves = st.lists(st.binary(max_size=8), max_size=40)


@pytest.mark.parametrize(("count", "root"), ROOTS.items(), ids=str)
def test_the_root_is_that_of_rfc_6962(count: int, root: str) -> None:
    assert root_of(INPUTS[:count]).hex() == root


@given(leaves)
def test_the_root_is_that_of_the_recursive_definition(given_leaves: list[bytes]) -> None:
    assert root_of(given_leaves) == by_definition(given_leaves)


@given(leaves, leaves)
def test_two_lists_of_lines_have_one_root_only_if_they_are_equal(
    one: list[bytes], other: list[bytes]
) -> None:
    assert (root_of(one) == root_of(other)) == (one == other)


def test_a_node_does_not_pass_for_a_line() -> None:
    left, right = (sha256(b"\x00" + leaf).digest() for leaf in (b"a", b"b"))

    assert root_of([b"a", b"b"]) != root_of([left + right])


def by_definition(given_leaves: list[bytes]) -> bytes:
    if len(given_leaves) < 2:
        return sha256(b"\x00" + given_leaves[0] if given_leaves else b"").digest()
    split = 1
    while split * 2 < len(given_leaves):
        split *= 2
    parts = by_definition(given_leaves[:split]) + by_definition(given_leaves[split:])
    return sha256(b"\x01" + parts).digest()


numbers = st.sets(st.integers(1, 40))


@given(numbers, numbers, st.integers(0, 41))
def test_runs_are_sets_of_numbers(one: set[int], other: set[int], bound: int) -> None:
    runs, more = (ranges.ranges_of(sorted(some)) for some in (one, other))

    both = ranges.union(runs, more)

    assert both == ranges.ranges_of(sorted(one | other))
    assert ranges.count_of(both) == len(one | other)
    assert ranges.above(both, bound) == ranges.ranges_of(
        sorted(n for n in one | other if n > bound)
    )
    assert ranges.parse_text(ranges.text_of(both)) == both
