"""Checks that several claims share, with margins fixed in one place, and what they measure of a grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.statistics import at_most, slope_per_doubling

INDEPENDENT = at_most(0.01)  # the paper's threshold, §4: "we may roughly view 0.01 as a threshold for independence"
NEAR_INDEPENDENT = at_most(0.054)  # "in the vicinity of this threshold": the null's mean plus its standard deviation


class WeakDependence(NamedTuple):
    """What makes a layer weakly dependent: its score decreases with the width to near the threshold."""

    trend: Check
    literal: Check
    vicinity: Check


def weak_dependence(of: str = "") -> WeakDependence:
    """Return the three checks; `of` stands after the symbol of the score and says what it is of."""
    return WeakDependence(
        Check(f"slope of ι_c{of} per doubling of N", at_most(0)),
        Check(f"ι_c{of} at the widest", INDEPENDENT, level=True),
        Check(f"ι{of} at the widest", NEAR_INDEPENDENT, level=True),
    )


def slopes(grid: Grid, quantity: str, layer: int) -> np.ndarray:
    """Slope of a layer's quantity per doubling of the width, seed by seed, (S,)."""
    return slope_per_doubling(grid.widths, grid.of(quantity, layer))


# Of a layer whose entropy stays constant.
ENTROPY_TREND = Check("slope of |ΔH| per doubling of N", at_most(0))
ENTROPY_LEVEL = Check("|ΔH| at the widest", at_most(0.1), level=True)


def entropy_moved(grid: Grid, layer: int) -> np.ndarray:
    """|ΔH| of a layer's mean neuron entropy, (widths, S), nats."""
    return np.abs(grid.of("entropy_change", layer))


def entropy_slopes(grid: Grid, layer: int) -> np.ndarray:
    """Slope of |ΔH| per doubling of the width, seed by seed, (S,)."""
    return slope_per_doubling(grid.widths, entropy_moved(grid, layer))
