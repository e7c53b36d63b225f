"""§3: "When t = 0, … neuron activities from the same layer are iid Gaussian with zero mean. Consequently, I(0) = 0."
Over the images of one net it is not 0 (initial_data_reading); this claim says how much it is, and why.

Measured: ι_c of the first layer of untrained nets of the paper's greatest width, minus the floor that the net's images
set. The layer is linear in the images, so that two neurons correlate by the images' covariance and the neurons' weight
vectors. The floor is what Gaussians of such correlations share: the mean of -½ log(1 - ρ²) over pairs of other Gaussian
weight vectors. It has nothing of the width in it, and is some 0.017 nats on MNIST.
Supported: the difference lies in 0 ± 0.005 nats, half of the paper's threshold 0.01: images account for what untrained
neurons share. Refuted: an interval lies entirely outside.
Controls: nets whose layers share a direction must be refuted, and so must the same activations, independently permuted:
they share nothing, and lie below the floor.
"""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, within
from wndcheck.verdicts.shared_checks import hidden_mean, values
from wndcheck.verdicts.statistics import paired_difference

CLAIM = Claim(
    "§3 (ours)",
    "What neurons of an untrained first layer share is set by the covariance of the images",
    families=("initial/relu", "initial/tanh", "violation/shared"),
)

FIRST_LAYER = Check("ι_c minus the images' floor, first layer, N = 1000", within(-0.005, 0.005), scope=Scope.ESTIMATOR)


def floor(grid):
    """The floor that the images of each net set, (S,) nats."""
    return values(grid, "image_floor", layer=1)


def above_floor(grid):
    """ι_c of the first layer minus the floor (nats)."""
    return values(grid, "corrected_score", layer=1) - floor(grid)


def permuted_above_floor(grid):
    """ι_c of the permuted activations of all hidden layers minus the floor (nats): the few pairs of one are too few."""
    return hidden_mean(grid, "shuffled_score") - floor(grid)


def shared_above_floor(shared, untrained):
    """ι_c of nets of shared directions minus the floor of the untrained nets of the same seeds, so images (nats)."""
    return paired_difference(values(shared, "corrected_score", layer=1), floor(untrained))


@check(FIRST_LAYER)
def test_first_layer(decide, nets, activation):
    decide(above_floor, nets[f"initial/{activation}"])


@control(FIRST_LAYER, must_be="refuted")
def test_independently_permuted_activations_are_below_the_floor(decide, nets, activation):
    decide(permuted_above_floor, nets[f"initial/{activation}"])


@control(FIRST_LAYER, must_be="refuted")
def test_shared_directions_are_above_the_floor(decide, nets):
    decide(shared_above_floor(nets["violation/shared"].widest, nets["initial/tanh"]))
