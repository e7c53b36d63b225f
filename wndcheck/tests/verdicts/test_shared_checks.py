"""The estimands of a grid that claims decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wndcheck.experiment.cells import Cell
from wndcheck.experiment.grids import Grid, grid
from wndcheck.experiment.profiles import QUICK
from wndcheck.experiment.record_schema import Measurement
from wndcheck.tests.tiny import TINY_CELL, random_measurement
from wndcheck.verdicts import shared_checks
from wndcheck.verdicts.statistics import slope_per_doubling


def trained(cell: Cell) -> Measurement:
    found = random_measurement(cell, seed=cell.width)
    found["accuracy"][:] = 1
    return found


@pytest.fixture
def three() -> Grid:
    return grid([replace(TINY_CELL, width=width) for width in (5, 10, 20)], trained, QUICK)


def test_values_of_one_width(three: Grid) -> None:
    one, record = three.at(10), three.measurements[1]
    last, first = record["negentropy"][-1], record["negentropy"][0]
    for values, numbers in [
        (shared_checks.values(one, "negentropy", 2), last[:, 1]),
        (shared_checks.change(one, "negentropy", 2), last[:, 1] - first[:, 1]),
        (shared_checks.hidden_mean(one, "negentropy"), last[:, :-1].mean(axis=1)),
        (shared_checks.entropy_moved(one, 2), np.abs(record["entropy_change"][-1, :, 1])),
    ]:
        np.testing.assert_array_equal(values, numbers)


@pytest.mark.parametrize("function", [shared_checks.values, shared_checks.change, shared_checks.hidden_mean])
def test_values_of_several_widths_are_refused(three: Grid, function) -> None:
    layer = () if function is shared_checks.hidden_mean else (1,)
    with pytest.raises(ValueError, match=r"widths 5, 10, 20: expected a grid of one, such as grid.widest"):
        function(three, "negentropy", *layer)


def test_slopes_over_the_widths(three: Grid) -> None:
    values = shared_checks.slopes(three, "negentropy", 2)
    np.testing.assert_array_equal(values, slope_per_doubling([5, 10, 20], three.of("negentropy", 2)))
    moved = np.abs(three.of("entropy_change", 2))
    np.testing.assert_array_equal(shared_checks.entropy_slopes(three, 2), slope_per_doubling([5, 10, 20], moved))
