"""§2, Assumption 1 (eq. 1), Figure 2: the change of a neuron's entropy in training, ΔH, goes to zero with the width;
"with sufficiently large N, ΔH becomes insignificant".

Measured: |ΔH|, the change of a layer's mean neuron entropy from the initial to the trained net, for hidden layers.
Supported: |ΔH| falls with log N (trend), and is at most .1 nats at the paper's widest (level). Refuted: it rises, or
stays above.
Controls: nets whose weights drift by a factor that grows with the width must be refuted, by trend and by level.
"""

import numpy as np
import pytest

from wndcheck.profiles import ACTIVATIONS, HIDDEN_LAYERS
from wndcheck.statistics import at_most, slope_per_doubling
from wndcheck.verdicts import Check, Claim


def cells(profile, base_seed):
    return profile.trained_cells(base_seed) + profile.violation_cells("drift", base_seed)


CLAIM = Claim("constant-entropy", "§2, Fig. 2", "The entropy of hidden neurons stays constant in wide layers", cells)
pytestmark = pytest.mark.claim(CLAIM)

TREND = Check("slope of |ΔH| per doubling of N", at_most(0))
LEVEL = Check("|ΔH| at the widest", at_most(0.1), level=True)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_hidden_layer = pytest.mark.parametrize("layer", HIDDEN_LAYERS)


def change(grid, layer):
    return np.abs(grid.of("entropy_change", layer))


@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets.trained(activation)
    decide(TREND, slope_per_doubling(grid.widths, change(grid, layer)), grid)


@every_activation
@every_hidden_layer
def test_level(decide, nets, profile, activation, layer):
    widest = nets.trained(activation).at(profile.widest)
    decide(LEVEL, change(widest, layer)[0], widest)


@pytest.mark.control(must_be="refuted")
def test_drifting_nets_have_no_falling_trend(decide, nets):
    grid = nets.violating("drift")
    decide(TREND, slope_per_doubling(grid.widths, change(grid, 1)), grid)


@pytest.mark.control(must_be="refuted")
def test_drifting_nets_do_not_keep_the_level(decide, nets):
    widest = nets.violating("drift").at(200)
    decide(LEVEL, change(widest, 1)[0], widest)
