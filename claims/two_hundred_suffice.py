"""§4: "in this example, a width larger than 200 usually suffices for the theory".

Measured: the corrected dependence score of every hidden layer at N = 200 minus that at the paper's widest, net by net.
Also shown: the same from N = 100, for §1 says "a width larger than 100 usually suffices".
What a greater width would still change is decided here; whether the remaining level is low, by weak_dependence.
Supported: the difference lies within ±0.01. Refuted: its interval lies entirely outside.
Controls: independently permuted activations must show no difference; nets that share more the wider they are must show
one.
"""

import numpy as np

from wndcheck.experiment.profiles import HIDDEN_LAYERS
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, within

CLAIM = Claim(
    "§4",
    "Beyond a width of 200 the dependence score hardly falls",
    families=("trained/relu", "trained/tanh", "violation/shared"),
    figures=("figure-3-dependence",),
)

DIFFERENCE = Check("fall of ι_c to the widest", within(-0.01, 0.01), scope=Scope.LEVEL)
FROM_HUNDRED = Check("fall of ι_c from N = 100 to the widest", within(-0.01, 0.01), scope=Scope.LEVEL, primary=False)


def fall(grid, quantity, layer, start=None):
    """From N = `start` to the widest, (S,), and the grid; by default from 200, or over the last step before that."""
    start = start or (200 if grid.widths[-1] > 200 else grid.widths[-2])
    return (grid.at(start).of(quantity, layer) - grid.widest.of(quantity, layer))[0], grid


@check(DIFFERENCE)
def test_difference(decide, layer, trained):
    decide(*fall(trained, "corrected_score", layer))


@check(FROM_HUNDRED)
def test_from_hundred(decide, layer, trained):
    decide(*fall(trained, "corrected_score", layer, start=100))


@control(DIFFERENCE, must_be="supported")
def test_independently_permuted_activations_do_not_differ(decide, trained, profile):
    # All hidden layers at all stages together: the few pairs of one leave an interval as wide as the margin.
    stages = [trained.at_stage(stage) for stage in range(len(profile.training.stages))]
    falls = [fall(at_stage, "shuffled_score", layer)[0] for at_stage in stages for layer in HIDDEN_LAYERS]
    decide(np.mean(falls, axis=0), trained)


@control(DIFFERENCE, must_be="refuted")
def test_shared_directions_differ(decide, nets):
    decide(*fall(nets["violation/shared"], "corrected_score", layer=1))
