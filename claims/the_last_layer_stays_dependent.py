"""§4, Figure 3: "the MIs of all layers but the last converged"; "since the last layer is unnormalized probabilities,
there should be dependence between them: higher likelihood in one class results lower in another".

Measured: the dependence score ι of the logits less that of the most dependent hidden layer, and the logits' corrected
score ι_c, at every width from 100.
Supported: the logits exceed every hidden layer by .02 nats (contrast) and hold .05 themselves (level of their own).
Refuted: one lies wholly below. Shown beside it: logits that compete are correlated below 0 on average, -1/9 if their
sum is constant.
Control: the same activations shuffled apart have no dependent last layer, and must be refuted.
"""

import pytest

from wndcheck.plugin.parametrized import every_activation, over_widths
from wndcheck.profiles import Profile
from wndcheck.statistics import at_least, at_most
from wndcheck.verdicts import Check, Claim

CLAIM = Claim(
    "last-layer",
    "§4, Fig. 3",
    "The last layer stays dependent, unlike the hidden ones",
    Profile.trained_cells,
    figures=("figure-3-dependence",),
)
pytestmark = pytest.mark.claim(CLAIM)

CONTRAST = Check("ι of the logits - largest ι of a hidden layer", at_least(0.02))
DEPENDENCE = Check("ι_c of the logits", at_least(0.05))
COMPETITION = Check("mean correlation of the logits", at_most(0), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over_widths(metafunc, 100)


def contrast(grid, name):
    scores = grid.of(name)[0]
    return scores[:, -1] - scores[:, :-1].max(axis=1)


@every_activation
def test_contrast(decide, nets, activation, width):
    grid = nets.trained(activation).at(width)
    decide(CONTRAST, contrast(grid, "score"), grid)


@every_activation
def test_dependence(decide, nets, activation, width):
    grid = nets.trained(activation).at(width)
    decide(DEPENDENCE, grid.of("corrected_score")[0][:, -1], grid)


@every_activation
def test_logits_compete(decide, nets, activation, width):
    grid = nets.trained(activation).at(width)
    decide(COMPETITION, grid.of("correlation")[0][:, -1], grid)


@pytest.mark.control(must_be="refuted")
@every_activation
def test_shuffled_activations_show_no_contrast(decide, nets, activation, width):
    grid = nets.trained(activation).at(width)
    decide(CONTRAST, contrast(grid, "shuffled_score"), grid)
