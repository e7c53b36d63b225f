"""Appendix B, Figure B.1a: on CIFAR-10 "the average entropy exhibits a similar convergence behaviour … required by
Assumption 1".

Measured: |ΔH|, the change of a layer's mean neuron entropy from the initial to the trained net, for the hidden layers
of ReLU nets on CIFAR-10, as on MNIST.
Supported: |ΔH| decreases with log N from N = 20 up (trend), and is at most 0.1 nats at the paper's widest (level).
Refuted: it rises, or stays above. Also shown, for Figure 2 "the actual values are data- … agnostic": at the same width
H̄ is the same as on MNIST, to 0.1 nats.
Controls: nets whose weights drift by a factor that grows with the width must be refuted, by trend and by level; nets
whose neurons are constant have no entropy, and must get no verdict.
"""

import numpy as np

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_most
from wndcheck.verdicts.shared_checks import ENTROPY_LEVEL, ENTROPY_TREND, entropy_moved, entropy_slopes, values
from wndcheck.verdicts.statistics import paired_difference

CLAIM = Claim(
    "§B, Fig. B.1a",
    "On CIFAR-10, too, the entropy of hidden neurons stays constant in wide layers",
    families=("cifar10", "trained/relu", "violation/drift", "violation/constant"),
    figures=("figure-b1-cifar10",),
)

AGNOSTIC = Check("|H̄ on CIFAR-10 - H̄ on MNIST|", at_most(0.1), primary=False)


@check(ENTROPY_TREND)
def test_trend(decide, nets, layer):
    decide(entropy_slopes, nets["cifar10"].wide, layer)


@check(ENTROPY_LEVEL)
def test_level(decide, nets, layer):
    decide(entropy_moved, nets["cifar10"].widest, layer)


@check(AGNOSTIC)
def test_data_agnostic(decide, nets, layer):
    widest = nets["cifar10"].widest
    on_cifar10 = values(widest, "entropy", layer)
    on_mnist = values(nets["trained/relu"].at(*widest.widths), "entropy", layer)
    decide(np.abs(paired_difference(on_cifar10, on_mnist)), widest)


@control(ENTROPY_TREND, must_be="refuted")
def test_drifting_nets_have_no_falling_trend(decide, nets):
    decide(entropy_slopes, nets["violation/drift"], layer=1)


@control(ENTROPY_LEVEL, must_be="refuted")
def test_drifting_nets_do_not_keep_the_level(decide, nets):
    decide(entropy_moved, nets["violation/drift"].widest, layer=1)


@control(ENTROPY_LEVEL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    decide(entropy_moved, nets["violation/constant"], layer=1)
