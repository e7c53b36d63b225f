"""§3: "When t = 0, since Θ is initialized as iid Gaussians, invoking the central limit theorem, neuron activities from
the same layer are iid Gaussian with zero mean. Consequently, I(0) = 0."

Measured, in the data reading (one net, 1000 images, as in the paper's experiment): the corrected dependence score ι_c
of every hidden layer of untrained nets of the paper's greatest width, 1000.
Supported: ι_c ≤ .01, the paper's threshold of independence. Refuted: it lies wholly above.
Controls: the same activations shuffled apart must be supported; planted dependence and shared directions refuted.
"""

import pytest

from wndcheck.profiles import ACTIVATIONS, HIDDEN_LAYERS
from wndcheck.statistics import at_most
from wndcheck.verdicts import Check, Claim


def cells(profile, base_seed):
    return profile.initial_cells(base_seed) + profile.violation_cells("shared", base_seed)


CLAIM = Claim(
    "initial-independence", "§3", "Neurons of an untrained net are independent: I(0) = 0 (data reading)", cells
)
pytestmark = pytest.mark.claim(CLAIM)

INDEPENDENCE = Check("ι_c at initialisation, N = 1000", at_most(0.01))
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_hidden_layer = pytest.mark.parametrize("layer", HIDDEN_LAYERS)


@every_activation
@every_hidden_layer
def test_independence(decide, nets, activation, layer):
    decide(INDEPENDENCE, nets.initial(activation).of("corrected_score", layer)[0])


@pytest.mark.control(must_be="supported")
@every_activation
@every_hidden_layer
def test_shuffled_activations_are_independent(decide, nets, activation, layer):
    decide(INDEPENDENCE, nets.initial(activation).of("shuffled_score", layer)[0])


@pytest.mark.control(must_be="refuted")
@every_activation
@every_hidden_layer
def test_planted_dependence_is_found(decide, nets, activation, layer):
    decide(INDEPENDENCE, nets.initial(activation).of("planted_score", layer)[0])


@pytest.mark.control(must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(INDEPENDENCE, nets.violating("shared").at(200).of("corrected_score", 1)[0])
