"""Checks that several claims share, with their margins, and the estimands that they are about.

An estimand is a function of a grid that returns values (S,), one per replicate; `decide` takes it with its arguments,
as in ``decide(values, grid, "score", layer)``, so that it can be taken of other nets, too.
"""

from __future__ import annotations

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import Scope
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.statistics import at_least, at_most, slope_per_doubling

INDEPENDENT = at_most(0.01)  # the paper's threshold, §4: "we may roughly view 0.01 as a threshold for independence"
# "in the vicinity of this threshold": the null's mean plus its standard deviation, 0.012 + 0.042. The deviation is that
# of a single pair's estimate; the mean over a layer's pairs of independent neurons is 0.012 to a few thousandths.
NEAR_INDEPENDENT = at_most(0.054)
# The same of KSG1 on neurons after ReLU, whose null is 0.000 ± 0.021; the deviation is 0.019 to 0.023 as half of the
# samples are 0, more or fewer.
NEAR_INDEPENDENT_BY_KSG1 = at_most(0.021)
NEAR_INDEPENDENT_CORRECTED = at_most(0.042)  # the same of ι_c, whose null has mean 0 whatever the marginals

# Of a layer whose entropy stays constant.
ENTROPY_TREND = Check("slope of |ΔH| per doubling of N", at_most(0))
ENTROPY_LEVEL = Check("|ΔH| at the widest", at_most(0.1), scope=Scope.LEVEL)

# Of the last layer, which stays dependent (§4).
CONTRAST = Check("ι of the logits minus that of the hidden layer", at_least(0.02))
DEPENDENCE = Check("ι_c of the logits", at_least(0.05), scope=Scope.LEVEL)


def weak_dependence(of: str = "") -> tuple[Check, Check]:
    """Return the checks trend and vicinity: the score decreases with the width to near the threshold.

    `of` is put after the symbol of the score, and names what it is the score of.
    """
    return (
        Check(f"slope of ι_c{of} per doubling of N", at_most(0)),
        Check(f"ι{of} at the widest", NEAR_INDEPENDENT, scope=Scope.LEVEL),
    )


def literal(of: str = "", *, primary: bool = True) -> Check:
    """Return the check that the corrected score is at most the threshold itself."""
    return Check(f"ι_c{of} at the widest", INDEPENDENT, primary, scope=Scope.LEVEL)


def of_one_width(grid: Grid, by_width: np.ndarray) -> np.ndarray:
    """Return the values of the only width, (1, S) -> (S,). ValueError for several widths."""
    if len(by_width) != 1:
        widths = ", ".join(map(str, grid.widths))
        raise ValueError(f"widths {widths}: expected a grid of one, such as grid.widest or grid.at(width)")
    return by_width[0]


def values(grid: Grid, quantity: str, layer: int) -> np.ndarray:
    """A layer's quantity in nets of one width. ValueError for a grid of several."""
    return of_one_width(grid, grid.of(quantity, layer))


def change(grid: Grid, quantity: str, layer: int) -> np.ndarray:
    """A layer's quantity minus that of the initial nets, in nets of one width. ValueError for a grid of several."""
    return values(grid, quantity, layer) - values(grid.at_stage(0), quantity, layer)


def hidden_mean(grid: Grid, quantity: str) -> np.ndarray:
    """The mean of a quantity over the hidden layers, in nets of one width. ValueError for a grid of several.

    Controls are decided by it: the few pairs of one layer leave an interval nearly as wide as a margin, and how
    dependent a deep layer with planted dependence is differs much from net to net.
    """
    return of_one_width(grid, grid.of(quantity)[..., :-1].mean(axis=-1))


def contrast(grid: Grid, layer: int, quantity: str = "score") -> np.ndarray:
    """A quantity of the last layer minus that of a hidden one, in nets of one width. ValueError for several."""
    return of_one_width(grid, grid.of(quantity)[..., -1] - grid.of(quantity, layer))


def slopes(grid: Grid, quantity: str, layer: int) -> np.ndarray:
    """Slope of a layer's quantity per doubling of the width."""
    return slope_per_doubling(grid.widths, grid.of(quantity, layer))


def entropy_moved(grid: Grid, layer: int) -> np.ndarray:
    """|ΔH| of a layer's mean neuron entropy in nets of one width, nats."""
    return np.abs(values(grid, "entropy_change", layer))


def entropy_slopes(grid: Grid, layer: int) -> np.ndarray:
    """Slope of |ΔH| per doubling of the width, nats."""
    return slope_per_doubling(grid.widths, np.abs(grid.of("entropy_change", layer)))
