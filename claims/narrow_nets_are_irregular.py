"""Appendix B, Figure B.1b: "in low width regimes, the behaviour of the dependence score ι is less regular".

Measured: how far a net's ι lies from the mean of its width; the average over widths below 20 less the average over
widths from 200 up, seed by seed; on CIFAR-10, and beside it on MNIST.
Supported: the narrow nets lie further apart. Refuted: less far.
Control: the same nets with the wide ones' deviations made a hundred times larger must be refuted.
"""

import numpy as np
import pytest

from wndcheck.plugin.parametrized import every_activation, every_hidden_layer
from wndcheck.profiles import NARROW
from wndcheck.statistics import at_least
from wndcheck.verdicts import Check, Claim


def cells(profile, base_seed):
    return profile.cifar10_cells(base_seed) + profile.trained_cells(base_seed)


CLAIM = Claim(
    "narrow-is-irregular",
    "§B, Fig. B.1b",
    "The dependence score is less regular in narrow nets",
    cells,
    figures=("figure-b1-cifar10",),
)
pytestmark = pytest.mark.claim(CLAIM)

IRREGULAR = Check("deviation of ι at N < 20 less that at N ≥ 200", at_least(0))
ON_MNIST = Check("deviation of ι at N < 20 less that at N ≥ 200", at_least(0), primary=False)


def deviations(scores):
    """From the mean of each width, (widths, S); NaN where a net has no score."""
    means = np.ma.masked_invalid(scores).mean(axis=1, keepdims=True).filled(np.nan)
    return np.abs(scores - means)


def contrast(grid, layer, scattered=1):
    """Narrow less wide, (S,); NaN for a seed with no score at one of the two."""
    widths = np.array(grid.widths)
    apart = deviations(grid.of("score", layer))
    return apart[widths < NARROW].mean(axis=0) - scattered * apart[widths >= 200].mean(axis=0)


@every_hidden_layer
def test_irregular(decide, nets, layer):
    grid = nets.cifar10()
    decide(IRREGULAR, contrast(grid, layer), grid)


@every_activation
@every_hidden_layer
def test_on_mnist(decide, nets, activation, layer):
    grid = nets.trained(activation)
    decide(ON_MNIST, contrast(grid, layer), grid)


@pytest.mark.control(must_be="refuted")
@every_activation
def test_scattered_wide_nets_are_noticed(decide, nets, activation):
    grid = nets.trained(activation)
    decide(IRREGULAR, contrast(grid, 1, scattered=100), grid)
