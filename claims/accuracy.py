"""§4: "For N > 20, the ReLU activated nets achieve > 99% training accuracy and > 95% validation accuracy; the
tanh-activated nets > 95% and > 92% respectively. However, with 5 ≤ N < 20, the performances were usually worse."

Measured: accuracies of the trained nets on all training images and on the validation images.
Supported: the mean accuracy at every width above 20 exceeds the paper's number (levels), and nets above 20 classify
more of the training images than nets below, seed by seed. Refuted: an interval lies entirely below its bound.
Controls: the same nets before training must fall short of the paper's numbers, and the accuracies of wide and narrow
ones must agree within 0.1, which is chance.
"""

import numpy as np

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.declarations import check, control, over_widths
from wndcheck.verdicts import Check, Claim, Scope, at_least, within
from wndcheck.verdicts.shared_checks import of_one_width

CLAIM = Claim(
    "§4",
    "Nets wider than 20 reach the paper's accuracies; narrower do worse",
    families=("trained/relu", "trained/tanh"),
)

TRAINING = {
    "relu": Check("training accuracy", at_least(0.99), scope=Scope.LEVEL, unit=""),
    "tanh": Check("training accuracy", at_least(0.95), scope=Scope.LEVEL, unit=""),
}
VALIDATION = {
    "relu": Check("validation accuracy", at_least(0.95), scope=Scope.LEVEL, unit=""),
    "tanh": Check("validation accuracy", at_least(0.92), scope=Scope.LEVEL, unit=""),
}
WORSE = Check("training accuracy of N > 20 minus that of N < 20", at_least(0), unit="")
ALIKE = Check("training accuracy of N > 20 minus that of N < 20", within(-0.1, 0.1), unit="")
WORSE_ON_VALIDATION = Check("validation accuracy of N > 20 minus that of N < 20", at_least(0), unit="", primary=False)


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


def accuracy(grid, name):
    """Accuracies of the nets of one width, (S,)."""
    return of_one_width(grid, grid.raw(name))


def gained(grid, name):
    """Mean accuracy of the wide nets minus that of the narrow ones, (S,)."""
    widths, accuracies = np.array(grid.widths), grid.raw(name)
    return accuracies[widths > NARROW].mean(axis=0) - accuracies[widths < NARROW].mean(axis=0)


@check(TRAINING, by="activation")
def test_training(decide, trained, width):
    decide(accuracy, trained.at(width).whole, "accuracy")


@check(VALIDATION, by="activation")
def test_validation(decide, trained, width):
    decide(accuracy, trained.at(width).whole, "validation_accuracy")


@check(WORSE)
def test_narrow_is_worse(decide, trained):
    decide(gained, trained.whole, "accuracy")


@check(WORSE_ON_VALIDATION)
def test_narrow_is_worse_on_validation_images(decide, trained):
    decide(gained, trained.whole, "validation_accuracy")


@control(TRAINING, by="activation", must_be="refuted")
def test_untrained_nets_fall_short(decide, trained, width):
    decide(accuracy, trained.at_stage(0).at(width).whole, "accuracy")


@control(ALIKE, must_be="supported")
def test_untrained_nets_are_alike(decide, trained):
    decide(gained, trained.at_stage(0).whole, "accuracy")
