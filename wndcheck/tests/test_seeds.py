"""Seeds of draws: pinned, distinct, and disjoint between base seeds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.seeds import SEEDS_PER_BASE, derived_seed, net_seeds


def test_derived_seed_never_changes() -> None:
    # sha256("7/initial weights"), first eight bytes, halved. Stored measurements depend on it.
    assert derived_seed(7, "initial weights") == 53480765550019778


@settings(deadline=None)
@given(st.lists(st.integers() | st.text("abc "), min_size=1, max_size=4))
def test_derived_seed_fits_a_signed_64_bit_integer(words: list[object]) -> None:
    assert 0 <= derived_seed(*words) < 2**63
    assert derived_seed(*words) == derived_seed(*words)


def test_distinct_words_give_distinct_seeds() -> None:
    names = [(seed, purpose) for seed in range(300) for purpose in ("initial weights", "batch order", "null", "12")]
    assert len({derived_seed(*name) for name in names}) == len(names)
    assert derived_seed(1, 23) != derived_seed(12, 3)


def test_net_seeds_of_different_bases_are_disjoint() -> None:
    assert net_seeds(0, 3) == (0, 1, 2)
    assert net_seeds(1, 3)[0] == SEEDS_PER_BASE
    assert not set(net_seeds(0, SEEDS_PER_BASE)) & set(net_seeds(1, SEEDS_PER_BASE))
    assert net_seeds(2, 4) == net_seeds(2, 8)[:4]


@pytest.mark.parametrize(("base", "count"), [(-1, 4), (0, 0), (0, -1), (0, SEEDS_PER_BASE + 1)])
def test_net_seeds_out_of_range_raise(base: int, count: int) -> None:
    with pytest.raises(ValueError, match=rf"base seed {base} with {count} nets: expected .* choose another --wnd-seed"):
        net_seeds(base, count)


def test_a_word_with_the_separator_raises() -> None:
    with pytest.raises(ValueError, match="expected no '/' in them"):
        derived_seed("a/b")
