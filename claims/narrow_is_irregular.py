"""Appendix B, Figure B.1b: "in low width regimes, the behaviour of the dependence score ι is less regular".

Measured: how far a net's ι lies from the mean of the others of its width, where four nets or more have one; the average
over widths below 20 minus the average over widths from 200 up, seed by seed; on CIFAR-10, and also on MNIST. Nets with
dead layers have no ι there and are left out: what is irregular about them is not counted.
Supported: the narrow nets lie further from the mean. Refuted: less far.
Control: the same nets, with 0.5 nats added to the ι of every second wide net, must be refuted.
"""

import numpy as np

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_least

CLAIM = Claim(
    "§B, Fig. B.1b",
    "The dependence score is less regular in narrow nets",
    families=("cifar10", "trained/relu", "trained/tanh"),
    figures=("figure-b1-cifar10",),
)

IRREGULAR = Check("deviation of ι at N < 20 minus that at N ≥ 200", at_least(0))
ON_MNIST = Check("deviation of ι at N < 20 minus that at N ≥ 200", at_least(0), primary=False)


def deviation(scores):
    """From the mean of the others of the width, averaged over a seed's widths: (widths, S) -> (S,); NaN without any."""
    known = np.ma.masked_invalid(scores)
    count = known.count(axis=1)[:, None]
    others = (known.sum(axis=1, keepdims=True) - known) / np.maximum(count - 1, 1)
    deviations = np.ma.masked_where(np.broadcast_to(count < 4, known.shape), np.abs(known - others))
    return np.ma.filled(deviations.mean(axis=0), np.nan)


def contrast(grid, layer, added=0.0):
    """Deviation of the narrow nets minus that of the wide ones, (S,), NaN without a score at one of them; and the grid.

    `added` nats are added to the score of every second wide net.
    """
    widths, scores = np.array(grid.widths), grid.of("score", layer)
    scattered = added * (np.arange(scores.shape[1]) % 2)
    return deviation(scores[widths < NARROW]) - deviation(scores[widths >= 200] + scattered), grid


@check(IRREGULAR)
def test_irregular(decide, nets, layer):
    decide(*contrast(nets["cifar10"], layer))


@check(ON_MNIST)
def test_on_mnist(decide, layer, trained):
    decide(*contrast(trained, layer))


@control(IRREGULAR, must_be="refuted")
def test_scattered_wide_nets_are_noticed(decide, trained):
    decide(*contrast(trained, layer=1, added=0.5))
