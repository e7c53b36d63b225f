"""Appendix B, Figure B.1a: on CIFAR-10 "the average entropy exhibits a similar convergence behaviour … required by
Assumption 1".

Measured: |ΔH|, the change of a layer's mean neuron entropy from the initial to the trained net, for the hidden layers
of ReLU nets on CIFAR-10, as on MNIST.
Supported: |ΔH| decreases with log N from N = 20 up (trend), and is at most .1 nats at the paper's widest (level).
Refuted: it rises, or stays above. Shown beside it, for Figure 2 "the actual values are data- … agnostic": at the same
width H̄ is the same as on MNIST, to .1 nats.
Controls: nets whose weights drift by a factor that grows with the width must be refuted, by trend and by level; nets
whose neurons are constant have no entropy, and must get no verdict.
"""

import numpy as np

from wndcheck.pytest_plugin.declarations import check, control, every_hidden_layer
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import ENTROPY_LEVEL, ENTROPY_TREND, entropy_moved, entropy_slopes
from wndcheck.verdicts.statistics import at_most

CLAIM = Claim(
    "§B, Fig. B.1a",
    "On CIFAR-10, too, the entropy of hidden neurons stays constant in wide layers",
    families=("cifar10", "trained/relu", "violation/drift", "violation/constant"),
    figures=("figure-b1-cifar10",),
)

AGNOSTIC = Check("|H̄ on CIFAR-10 - H̄ on MNIST|", at_most(0.1), primary=False)


@check(ENTROPY_TREND)
@every_hidden_layer
def test_trend(decide, nets, layer):
    grid = nets["cifar10"].wide
    decide(entropy_slopes(grid, layer), grid)


@check(ENTROPY_LEVEL)
@every_hidden_layer
def test_level(decide, nets, layer):
    widest = nets["cifar10"].widest
    decide(entropy_moved(widest, layer)[0], widest)


@check(AGNOSTIC)
@every_hidden_layer
def test_data_agnostic(decide, nets, layer):
    widest = nets["cifar10"].widest
    on_mnist = nets["trained/relu"].at(*widest.widths).of("entropy", layer)[0]
    on_cifar10 = widest.of("entropy", layer)[0]
    both = min(len(on_cifar10), len(on_mnist))  # nets of the same seeds
    decide(np.abs(on_cifar10[:both] - on_mnist[:both]), widest)


@control(ENTROPY_TREND, must_be="refuted")
def test_drifting_nets_have_no_falling_trend(decide, nets):
    grid = nets["violation/drift"]
    decide(entropy_slopes(grid, layer=1), grid)


@control(ENTROPY_LEVEL, must_be="refuted")
def test_drifting_nets_do_not_keep_the_level(decide, nets):
    widest = nets["violation/drift"].widest
    decide(entropy_moved(widest, layer=1)[0], widest)


@control(ENTROPY_LEVEL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    grid = nets["violation/constant"]
    decide(entropy_moved(grid, layer=1)[0], grid)
