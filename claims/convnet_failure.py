"""Appendix B, Figure B.2: of convolutional nets trained on CIFAR-10, "We tested Assumption 1 on those two dense layers,
and found the assumption seems not apply."

Measured: |ΔH|, the change of the mean neuron entropy in training, of the two dense layers after five convolutions.
Supported: |ΔH| is at least 0.1 nats at the widest, in both layers: the margin within which the assumption would hold.
Refuted: its interval lies entirely below that bound. Also shown: whether |ΔH| fails to decrease with log N from N = 20
up.
Control: nets whose weights have grown by less than a hundredth have hardly moved, and must be refuted.
"""

import pytest

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_least
from wndcheck.verdicts.shared_checks import entropy_moved, entropy_slopes

CLAIM = Claim(
    "§B, Fig. B.2",
    "In the dense layers of a convnet the entropy does not stay constant",
    families=("convnets", "violation/still"),
    figures=("figure-b2-convnets",),
)

LEVEL = Check("|ΔH| at the widest", at_least(0.1), scope=Scope.LEVEL)
TREND = Check("slope of |ΔH| per doubling of N", at_least(0), primary=False)
every_dense_layer = pytest.mark.parametrize("layer", [1, 2])


@check(LEVEL)
@every_dense_layer
def test_level(decide, nets, layer):
    decide(entropy_moved, nets["convnets"].widest, layer)


@check(TREND)
@every_dense_layer
def test_trend(decide, nets, layer):
    decide(entropy_slopes, nets["convnets"].wide, layer)


@control(LEVEL, must_be="refuted")
@every_dense_layer
def test_nets_that_hardly_move_keep_their_entropy(decide, nets, layer):
    decide(entropy_moved, nets["violation/still"], layer)
