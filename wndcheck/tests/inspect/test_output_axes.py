"""The axes of a layer's output, and the drawing of positions."""

from __future__ import annotations

import numpy as np
import pytest

from wndcheck.inspect.layer_kinds import CHANNELS, LAST, UNKNOWN
from wndcheck.inspect.output_axes import draw_positions, find_axes


@pytest.mark.parametrize("count", [1, 2, 5])
def test_positions_are_drawn_uniformly_without_replacement(count: int) -> None:
    places = draw_positions(np.random.default_rng(0), 4000, 5, count)
    assert places.min() >= 0
    assert places.max() < 5
    assert all(len(set(row)) == count for row in places.tolist())
    counts = np.bincount(places.ravel(), minlength=5)
    assert np.abs(counts - 800 * count).max() <= 4.5 * np.sqrt(4000 * count / 5 * (1 - count / 5))  # binomial, 4.5 sd


@pytest.mark.parametrize(
    ("small", "large", "layout", "expected"),
    [
        ((2, 5), (3, 5), UNKNOWN, (0, 1, 1)),
        ((2, 7, 5), (3, 7, 5), LAST, (0, 2, 7)),
        ((7, 2, 5), (7, 3, 5), LAST, (1, 2, 7)),
        ((2, 4, 6, 5), (3, 4, 6, 5), CHANNELS, (0, 1, 30)),
        ((2, 2, 2), (3, 2, 2), LAST, (0, 2, 2)),
    ],
)
def test_axes_are_found_from_two_batch_sizes(small: tuple, large: tuple, layout: str, expected: tuple) -> None:
    assert find_axes((small, large), layout, None) == (*expected, False)


@pytest.mark.parametrize(
    ("small", "large", "message"),
    [
        ((), (), "expected an axis of samples and one of neurons"),
        ((2,), (3,), "it has no axis of neurons"),
        ((2, 2), (3, 3), "its samples do not have an axis of their own"),
        ((4, 5), (4, 5), "its samples do not have an axis of their own"),
        ((2, 5), (3, 5, 1), "expected the same number of axes"),
        ((2, 0), (3, 0), "it holds no numbers"),
        ((2, 0, 4), (3, 0, 4), "it holds no numbers"),
        ((2, 5, 4), (3, 5, 4), "which axis holds the neurons is unknown"),
    ],
)
def test_unknown_axes_are_explained(small: tuple, large: tuple, message: str) -> None:
    outcome = find_axes((small, large), UNKNOWN, None)
    assert isinstance(outcome, str)
    assert message in outcome
