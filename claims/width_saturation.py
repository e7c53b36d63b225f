"""§5, Figure 2: "The average individual neuron entropy exhibited a convergence behaviour, and is correlated with the
training accuracy …. Increasing layer width after convergence … may not induce further gain."

Measured: the mean neuron entropy H̄ of every hidden layer of trained nets, and their accuracies.
Supported: from N = 200 up, H̄ changes by no more than ±0.05 nats per doubling (slope, an equivalence), and over N ≥ 10
the ranks of H̄ and of the training accuracy correlate, seed by seed, by at least 0.5 in absolute value: the paper gives
the correlation no sign (correlates). Refuted: an interval lies entirely outside its region. Also shown: whether H̄
rises with the accuracy, as a measure of capacity should (follows_accuracy); the largest contrast between widths from
200 up, and the validation accuracy that widths beyond 200 still gain. "The actual values are … model-agnostic": at the
widest, H̄ of ReLU and of tanh nets is the same, to 0.1 nats.
Controls: nets whose weights drift by a factor that grows with the width must not have a settled slope; their H̄, which
rises with the width, must correlate with the width, and with the widths in reverse order, there with the other sign;
with the widths of each net in a random order H̄ and accuracy must not be found to correlate.
"""

import numpy as np

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.seeds import derived_seed
from wndcheck.verdicts import Check, Claim, Scope, at_least, at_most, within
from wndcheck.verdicts.shared_checks import slopes, values
from wndcheck.verdicts.statistics import largest_contrast, paired_difference, rank_correlations

CLAIM = Claim(
    "§5, Fig. 2",
    "Neuron entropy converges with the width and is correlated with the training accuracy",
    families=("trained/relu", "trained/tanh", "violation/drift"),
    figures=("figure-2-entropy",),
)

SEED_WORD = "width-saturation"  # of the random orders; frozen, whatever the claim's name

SLOPE = Check("slope of H̄ per doubling of N from 200 up", within(-0.05, 0.05), scope=Scope.LEVEL)
CONTRAST = Check("largest difference of H̄ from N = 200 up", at_most(0.1), scope=Scope.LEVEL, primary=False)
CORRELATES = Check("|rank correlation| of H̄ and training accuracy", at_least(0.5), unit="")
FOLLOWS = Check("rank correlation of H̄ and training accuracy", at_least(0), primary=False, unit="")
AGNOSTIC = Check("|H̄ of ReLU nets - H̄ of tanh nets|", at_most(0.1), primary=False)
GAIN = Check("validation accuracy gained beyond N = 200", at_most(0.01), scope=Scope.LEVEL, primary=False, unit="")


def settled(grid):
    """The widths from 200 up; where there are too few for a slope, the three widest."""
    wide = [width for width in grid.widths if width >= 200]
    return grid.at(*(wide if len(wide) >= 3 else grid.widths[-3:]))


def with_accuracy(grid, layer, reorder=np.asarray):
    """Rank correlations of H̄ over all nets of N ≥ 10, trained or not: accuracies of wide ones alone do not differ.

    `reorder` takes the accuracies, (widths, S).
    """
    grid = grid.from_width(10)
    return rank_correlations(grid.raw("entropy")[:, :, layer - 1], reorder(grid.raw("accuracy")))


def contrast(grid, layer):
    """The largest difference of H̄ between any two widths, (S,)."""
    return largest_contrast(grid.of("entropy", layer))


def gain(grid):
    """Validation accuracy of the widest nets minus that of the narrowest, trained or not, (S,)."""
    accuracies = grid.raw("validation_accuracy")
    return accuracies[-1] - accuracies[0]


def with_width(grid, order):
    """Rank correlations of the first layer's H̄ with the width, reversed if `order` is -1, (S,)."""
    entropy = grid.of("entropy", layer=1)
    return rank_correlations(entropy, np.repeat(np.array(grid.widths)[::order, None], entropy.shape[1], axis=1))


@check(SLOPE)
def test_slope(decide, layer, trained):
    decide(slopes, settled(trained), "entropy", layer)


@check(CONTRAST)
def test_contrast(decide, layer, trained):
    decide(contrast, settled(trained), layer)


@check(AGNOSTIC)
def test_model_agnostic(decide, nets, layer):
    relu, tanh = nets["trained/relu"].widest, nets["trained/tanh"].widest
    difference = paired_difference(values(relu, "entropy", layer), values(tanh, "entropy", layer))
    decide(np.abs(difference), min(relu, tanh, key=lambda grid: grid.nets))


@check(CORRELATES)
def test_correlates(decide, layer, trained):
    decide(np.abs(with_accuracy(trained, layer)))


@check(FOLLOWS)
def test_follows_accuracy(decide, layer, trained):
    decide(with_accuracy(trained, layer))


@check(GAIN)
def test_no_further_gain(decide, trained):
    decide(gain, settled(trained))


@control(SLOPE, must_be="refuted")
def test_drifting_nets_do_not_settle(decide, nets):
    decide(slopes, nets["violation/drift"], "entropy", layer=1)


@control(CORRELATES, must_be="not supported")
def test_widths_in_random_order_do_not_correlate(decide, trained, base_seed):
    # Of one layer: by chance it is supported in 0.1 % of runs of eight nets of five widths.
    rng = np.random.default_rng(derived_seed(SEED_WORD, base_seed))
    decide(np.abs(with_accuracy(trained, 1, lambda accuracies: rng.permuted(accuracies, axis=0))))


@control(CORRELATES, must_be="supported")
def test_drifting_entropy_correlates_with_the_width(decide, nets):
    decide(np.abs(with_width(nets["violation/drift"], 1)))


@control(FOLLOWS, must_be="supported")
def test_drifting_entropy_follows_the_width(decide, nets):
    decide(with_width, nets["violation/drift"], 1)


@control(FOLLOWS, must_be="refuted")
def test_drifting_entropy_does_not_follow_reversed_widths(decide, nets):
    decide(with_width, nets["violation/drift"], -1)
