"""Appendix B, Figure B.1a: on CIFAR-10 "the average entropy exhibits a similar convergence behaviour … required by
Assumption 1".

Measured: |ΔH|, the change of a layer's mean neuron entropy from the initial to the trained net, for the hidden layers
of ReLU nets on CIFAR-10, as on MNIST.
Supported: |ΔH| falls with log N from N = 20 up (trend), and is at most .1 nats at the paper's widest (level). Refuted:
it rises, or stays above. Shown beside it, of Figure 2 "the actual values are data- … agnostic": at the same width H̄ is
what it is on MNIST, to .1 nats.
Controls: nets whose weights drift by a factor that grows with the width must be refuted, by trend and by level; nets
whose neurons are constant have no entropy, and must get no verdict.
"""

import numpy as np
import pytest

from wndcheck.pytest_plugin.parametrized import every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import ENTROPY_LEVEL, ENTROPY_TREND, entropy_moved
from wndcheck.verdicts.statistics import at_most, slope_per_doubling


def cells(profile, base_seed):
    planted = profile.violation_cells("drift", base_seed) + profile.violation_cells("constant", base_seed)
    return (*profile.cifar10_cells(base_seed), on_mnist(profile, base_seed), *planted)


def on_mnist(profile, base_seed):
    """The nets of the widest on CIFAR-10, trained on MNIST."""
    return profile.trained("relu", profile.cifar10.widths[-1], base_seed)


CLAIM = Claim(
    "cifar-constant-entropy",
    "§B, Fig. B.1a",
    "On CIFAR-10, too, the entropy of hidden neurons stays constant in wide layers",
    cells,
    figures=("figure-b1-cifar10",),
)
pytestmark = pytest.mark.claim(CLAIM)

AGNOSTIC = Check("|H̄ on CIFAR-10 - H̄ on MNIST|", at_most(0.1), primary=False)


@every_hidden_layer
def test_trend(decide, nets, layer):
    grid = nets.cifar10().wide
    decide(ENTROPY_TREND, slope_per_doubling(grid.widths, entropy_moved(grid, layer)), grid)


@every_hidden_layer
def test_level(decide, nets, layer):
    widest = nets.cifar10().widest
    decide(ENTROPY_LEVEL, entropy_moved(widest, layer)[0], widest)


@every_hidden_layer
def test_data_agnostic(decide, nets, layer):
    elsewhere = nets.cifar10().widest
    (width,) = elsewhere.widths
    here = nets.trained("relu").at(width).of("entropy", layer)[0]
    there = elsewhere.of("entropy", layer)[0]
    alike = min(len(here), len(there))  # nets of the same seeds
    decide(AGNOSTIC, np.abs(there[:alike] - here[:alike]), elsewhere)


@pytest.mark.control(must_be="refuted")
def test_drifting_nets_have_no_falling_trend(decide, nets):
    grid = nets.violating("drift")
    decide(ENTROPY_TREND, slope_per_doubling(grid.widths, entropy_moved(grid, 1)), grid)


@pytest.mark.control(must_be="refuted")
def test_drifting_nets_do_not_keep_the_level(decide, nets):
    widest = nets.violating("drift").widest
    decide(ENTROPY_LEVEL, entropy_moved(widest, 1)[0], widest)


@pytest.mark.control(must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    grid = nets.violating("constant")
    decide(ENTROPY_LEVEL, entropy_moved(grid, 1)[0], grid)
