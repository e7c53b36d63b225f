"""§4: "in this example, a width larger than 200 usually suffices for the theory".

Measured: the dependence score ι of every hidden layer at each width above 200; and the corrected score ι_c at N = 200
minus that at the paper's widest, net by net.
Supported: at every width above 200, ι is in the vicinity of the paper's threshold, at most 0.054, as in the claim
weak_dependence, which is about the widest alone. Refuted: an interval lies entirely above. Also shown: a greater width
changes ι_c by no more than 0.01, from N = 200 and, since §1 says "a width larger than 100 usually suffices", from 100.
Controls: independently permuted activations must be in the vicinity, and show no difference; nets that share more the
wider they are must leave the vicinity, and show one.
"""

import numpy as np

from wndcheck.experiment.profiles import HIDDEN_LAYERS
from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Check, Claim, Scope, within
from wndcheck.verdicts.shared_checks import NEAR_INDEPENDENT, hidden_mean, values

CLAIM = Claim(
    "§4",
    "At every width beyond 200 the dependence score is in the vicinity of 0.01 nats",
    families=("trained/relu", "trained/tanh", "violation/shared"),
    figures=("figure-3-dependence",),
)

VICINITY = Check("ι", NEAR_INDEPENDENT, scope=Scope.LEVEL)
DIFFERENCE = Check("fall of ι_c to the widest", within(-0.01, 0.01), scope=Scope.LEVEL, primary=False)
FROM_HUNDRED = Check("fall of ι_c from N = 100 to the widest", within(-0.01, 0.01), scope=Scope.LEVEL, primary=False)


def pytest_generate_tests(metafunc):
    # A profile without such widths leaves the check, named by its widest, to another.
    over(metafunc, "width", lambda profile: [width for width in profile.widths if width > 200] or [profile.widest])


def ends(grid, start=200):
    """The grid of N = `start` and of the widest nets; of the last two widths where none is beyond `start`."""
    return grid.at(start if grid.widths[-1] > start else grid.widths[-2], grid.widths[-1])


def fall(grid, quantity, layer):
    """From the narrowest nets of a grid to the widest, (S,)."""
    scores = grid.of(quantity, layer)
    return scores[0] - scores[-1]


@check(VICINITY)
def test_vicinity(decide, layer, trained, width):
    decide(values, trained.at(width), "score", layer)


@check(DIFFERENCE)
def test_difference(decide, layer, trained):
    decide(fall, ends(trained), "corrected_score", layer)


@check(FROM_HUNDRED)
def test_from_hundred(decide, layer, trained):
    decide(fall, ends(trained, start=100), "corrected_score", layer)


@control(VICINITY, must_be="supported")
def test_independently_permuted_activations_are_in_the_vicinity(decide, trained, width):
    decide(hidden_mean, trained.at(width), "shuffled_score")


@control(VICINITY, must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    decide(values, nets["violation/shared"].widest, "score", layer=1)


@control(DIFFERENCE, must_be="supported")
def test_independently_permuted_activations_do_not_differ(decide, trained, profile):
    # All hidden layers at all stages together: the few pairs of one leave an interval as wide as the margin.
    both = ends(trained)
    stages = [both.at_stage(stage) for stage in range(len(profile.training.stages))]
    falls = [fall(at_stage, "shuffled_score", layer) for at_stage in stages for layer in HIDDEN_LAYERS]
    decide(np.mean(falls, axis=0), both)


@control(DIFFERENCE, must_be="refuted")
def test_shared_directions_differ(decide, nets):
    decide(fall, ends(nets["violation/shared"]), "corrected_score", layer=1)
