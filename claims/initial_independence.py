"""§3: "When t = 0, since Θ is initialized as iid Gaussians, invoking the central limit theorem, neuron activities from
the same layer are iid Gaussian with zero mean. Consequently, I(0) = 0."

Measured: the corrected dependence score ι_c of every hidden layer of wide untrained nets, in both readings: one net of
the paper's greatest width and 1000 images, as in the paper's experiment; and ensembles of nets, an image each, in which
the parameters are random, too.
Supported: ι_c ≤ .01, the paper's threshold of independence, in both. Refuted: it lies wholly above in one. Shown beside
it, in the ensembles: neurons are Gaussian (negentropy at most .05), of mean zero, and of one scale: chance alone makes
the largest standard deviation of 200 neurons 1.4 times the smallest. And "the biases may be taken to be zero without
loss of generality" (§1): of N = 128, biases as large as pre-activations leave ι_c where it was, to ±.01.
Controls: the same activations shuffled apart must be supported; planted dependence and shared directions refuted.
"""

import pytest

from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import INDEPENDENT
from wndcheck.verdicts.statistics import at_most, within


def cells(profile, base_seed):
    initial = (*profile.initial_cells(base_seed), profile.initial_ensemble(base_seed))
    return initial + profile.biased_cells(base_seed) + profile.violation_cells("shared", base_seed)


CLAIM = Claim(
    "initial-independence",
    "§3",
    "Neurons of an untrained net are iid Gaussian and independent: I(0) = 0",
    cells,
    figures=("figure-both-readings",),
)
pytestmark = pytest.mark.claim(CLAIM)

INDEPENDENCE = Check("ι_c at initialisation, N = 1000", INDEPENDENT)
IN_ENSEMBLES = Check("ι_c at initialisation", INDEPENDENT, replicate="ensembles")
GAUSSIAN = Check("negentropy at initialisation", at_most(0.05), primary=False, replicate="ensembles")
ZERO_MEAN = Check("(mean / sd)² at initialisation", within(-0.01, 0.01), primary=False, unit="", replicate="ensembles")
SAME_SCALE = Check("log₁₀ of largest sd / smallest", at_most(0.2), primary=False, unit="", replicate="ensembles")

BIASES = Check("change of ι_c by Gaussian biases", within(-0.01, 0.01), primary=False)


@every_activation
@every_hidden_layer
def test_independence(decide, nets, activation, layer):
    decide(INDEPENDENCE, nets.initial(activation).of("corrected_score", layer)[0])


@every_hidden_layer
def test_in_ensembles(decide, nets, layer):
    decide(IN_ENSEMBLES, nets.initial_ensembles().of("corrected_score", layer)[0])


@every_hidden_layer
def test_gaussian(decide, nets, layer):
    decide(GAUSSIAN, nets.initial_ensembles().of("negentropy", layer)[0])


@every_hidden_layer
def test_zero_mean(decide, nets, layer):
    decide(ZERO_MEAN, nets.initial_ensembles().of("offset", layer)[0])


@every_hidden_layer
def test_same_scale(decide, nets, layer):
    decide(SAME_SCALE, nets.initial_ensembles().of("scale_ratio", layer)[0])


@every_activation
@every_hidden_layer
def test_biases_change_nothing(decide, nets, activation, layer):
    without, biased = (nets.biased(activation, stage).of("corrected_score", layer)[0] for stage in (0, 1))
    decide(BIASES, biased - without)


@pytest.mark.control(must_be="supported")
@every_activation
def test_shuffled_activations_are_independent(decide, nets, activation):
    # All hidden layers together: the few pairs of one leave an interval nearly as wide as the margin.
    decide(INDEPENDENCE, nets.initial(activation).over_hidden_layers("shuffled_score")[0])


@pytest.mark.control(must_be="refuted")
@every_activation
@every_hidden_layer
def test_planted_dependence_is_found(decide, nets, activation, layer):
    decide(INDEPENDENCE, nets.initial(activation).of("planted_score", layer)[0])


@pytest.mark.control(must_be="refuted")
def test_planted_dependence_is_found_in_ensembles(decide, nets):
    decide(IN_ENSEMBLES, nets.initial_ensembles().of("planted_score").mean(axis=(0, 2)))


@pytest.mark.control(must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(INDEPENDENCE, nets.violating("shared").widest.of("corrected_score", 1)[0])
