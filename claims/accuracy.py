"""§4: "For N > 20, the ReLU activated nets achieve > 99% training accuracy and > 95% validation accuracy; the
tanh-activated nets > 95% and > 92% respectively. However, with 5 ≤ N < 20, the performances were usually worse."

Measured: accuracies of the trained nets on all training images and on the images apart.
Supported: the mean accuracy at every width above 20 exceeds the paper's number (levels), and nets above 20 classify
more of the training images than nets below, seed by seed. Refuted: one lies wholly below.
Controls: the same nets before training must fall short of the paper's numbers, and wide and narrow ones be alike within
.1, which is chance.
"""

import numpy as np
import pytest

from wndcheck.experiment.profiles import NARROW, Profile
from wndcheck.pytest_plugin.parametrized import every_activation, over_widths
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.statistics import at_least, within

CLAIM = Claim(
    "accuracy", "§4", "Nets wider than 20 reach the paper's accuracies; narrower do worse", Profile.trained_cells
)
pytestmark = pytest.mark.claim(CLAIM)

TRAINING = {"relu": at_least(0.99), "tanh": at_least(0.95)}
VALIDATION = {"relu": at_least(0.95), "tanh": at_least(0.92)}
WORSE = Check("training accuracy of N > 20 less that of N < 20", at_least(0), unit="")
ALIKE = Check("training accuracy of N > 20 less that of N < 20", within(-0.1, 0.1), unit="")
WORSE_APART = Check("validation accuracy of N > 20 less that of N < 20", at_least(0), unit="", primary=False)


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


def level(what, region):
    return Check(f"{what} accuracy", region, level=True, unit="")


def gained(grid, name):
    """Wide less narrow, (S,)."""
    widths, accuracies = np.array(grid.widths), grid.raw(name)
    return accuracies[widths > NARROW].mean(axis=0) - accuracies[widths < NARROW].mean(axis=0)


@every_activation
def test_training(decide, nets, activation, width):
    decide(level("training", TRAINING[activation]), nets.trained(activation).at(width).raw("accuracy")[0])


@every_activation
def test_validation(decide, nets, activation, width):
    accuracies = nets.trained(activation).at(width).raw("validation_accuracy")
    decide(level("validation", VALIDATION[activation]), accuracies[0])


@every_activation
def test_narrow_is_worse(decide, nets, activation):
    decide(WORSE, gained(nets.trained(activation), "accuracy"))


@every_activation
def test_narrow_is_worse_apart(decide, nets, activation):
    decide(WORSE_APART, gained(nets.trained(activation), "validation_accuracy"))


@pytest.mark.control(must_be="refuted")
@every_activation
def test_untrained_nets_fall_short(decide, nets, activation, width):
    untrained = nets.trained(activation, stage=0).at(width)
    decide(level("training", TRAINING[activation]), untrained.raw("accuracy")[0])


@pytest.mark.control(must_be="supported")
@every_activation
def test_untrained_nets_are_alike(decide, nets, activation):
    decide(ALIKE, gained(nets.trained(activation, stage=0), "accuracy"))
