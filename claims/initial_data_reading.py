"""§3: "When t = 0, … neuron activities from the same layer are iid Gaussian with zero mean. Consequently, I(0) = 0", as
the paper's experiment has it: one net and 1000 images.

Measured: the corrected dependence score ι_c of every hidden layer of untrained nets of the paper's greatest width, in
the data reading: the parameters are fixed, and the samples are images. (Over parameters it is the claim
initial_independence.)
Supported: ι_c is at most 0.01, the paper's threshold of independence. Refuted: an interval lies entirely above it. Also
shown: "the biases may be taken to be zero without loss of generality" (§1): in nets of N = 128, biases as large as
pre-activations leave ι_c where it was, to ±0.01.
Controls: the same activations, independently permuted, must be supported; planted dependence and shared directions
refuted.
"""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, within
from wndcheck.verdicts.shared_checks import INDEPENDENT, change, hidden_mean, values

CLAIM = Claim(
    "§3",
    "Over images, neurons of one untrained net are independent: I(0) = 0",
    families=("initial/relu", "initial/tanh", "biased/relu", "biased/tanh", "violation/shared"),
    figures=("figure-both-readings",),
)

INDEPENDENCE = Check("ι_c at initialisation, N = 1000", INDEPENDENT, scope=Scope.ESTIMATOR)
BIASES = Check("change of ι_c by Gaussian biases", within(-0.01, 0.01), primary=False, scope=Scope.ESTIMATOR)


@check(INDEPENDENCE)
def test_independence(decide, nets, layer, activation):
    decide(values, nets[f"initial/{activation}"], "corrected_score", layer)


@check(BIASES)
def test_biases_change_nothing(decide, nets, layer, activation):
    decide(change, nets[f"biased/{activation}"], "corrected_score", layer)


@control(INDEPENDENCE, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, nets, activation):
    decide(hidden_mean, nets[f"initial/{activation}"], "shuffled_score")


@control(INDEPENDENCE, must_be="refuted")
def test_planted_dependence_is_found(decide, nets, layer, activation):
    decide(values, nets[f"initial/{activation}"], "planted_score", layer)


@control(INDEPENDENCE, must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(values, nets["violation/shared"].widest, "corrected_score", layer=1)
