from __future__ import annotations

from math import sqrt

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.experiment.measurement.sampling import DrawKey, layer_groups, layer_pairs, sampled_neurons


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(1, 400), st.integers(0, 4))
def test_layer_pairs(count: int, most: int, layer: int) -> None:
    pairs = layer_pairs(count, most, layer)
    assert len(pairs) == min(most, count * (count - 1) // 2)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert pairs.min() >= 0
    assert pairs.max() < count
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    np.testing.assert_array_equal(pairs, sorted(pairs.tolist()))
    np.testing.assert_array_equal(layer_pairs(count, most, layer), pairs)


def test_layer_pairs_sample_all_neurons_evenly_and_differ_between_layers() -> None:
    first, second = layer_pairs(200, 2000, 0), layer_pairs(200, 2000, 1)
    shared = len(set(map(tuple, first.tolist())) & set(map(tuple, second.tolist())))
    assert shared < 400  # 2000 of 19,900 twice: 201 expected, standard error 13
    # A neuron is in 20 of the 2000 pairs, standard deviation about √20.
    counts = np.bincount(first.ravel(), minlength=200)
    assert abs(counts - 20).max() < 5 * sqrt(20)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 4))
def test_sampled_neurons(count: int, most: int, layer: int) -> None:
    some = sampled_neurons("purpose", count, most, layer)
    assert len(some) == min(count, most)
    assert some.tolist() == sorted(set(some.tolist()) & set(range(count)))
    np.testing.assert_array_equal(sampled_neurons("purpose", count, most, layer), some)


def test_sampled_neurons_differ_between_layers_and_purposes() -> None:
    draws = [sampled_neurons(purpose, 200, 20, layer) for purpose in ("one", "other") for layer in (0, 1)]
    assert len({tuple(draw.tolist()) for draw in draws}) == 4
    # 2000 draws of 20 out of 200: each neuron 200 times, standard deviation 13.
    counts = np.bincount(np.concatenate([sampled_neurons(f"{i}", 200, 20, 0) for i in range(2000)]), minlength=200)
    assert abs(counts - 200).max() < 5 * 13


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(1, 20), st.integers(0, 4))
def test_layer_groups(count: int, size: int, most: int, layer: int) -> None:
    groups = layer_groups(count, size, most, layer)
    assert groups.shape == (most if count >= size else 0, size)
    assert all(len(set(group)) == size and set(group) <= set(range(count)) for group in groups.tolist())
    np.testing.assert_array_equal(layer_groups(count, size, most, layer), groups)


def test_layer_groups_differ_between_layers_and_extend_smaller_draws() -> None:
    first = layer_groups(100, 3, 20, 0)
    assert (first != layer_groups(100, 3, 20, 1)).any()
    assert len({tuple(sorted(group)) for group in first.tolist()}) == 20  # of 161,700
    np.testing.assert_array_equal(layer_groups(100, 3, 5, 0), first[:5])


def test_a_place_names_its_draws() -> None:
    draw_key = DrawKey(7, 2, 12)
    others = [DrawKey(8, 2, 12), DrawKey(7, 3, 12), DrawKey(7, 2, 0), DrawKey("ensemble from 7", 2, 12)]
    seeds = [draw_key.seed("null"), draw_key.seed("control"), *(other.seed("null") for other in others)]
    assert len(set(seeds)) == len(seeds)
    assert DrawKey(7, 2, 12).seed("null") == draw_key.seed("null")
