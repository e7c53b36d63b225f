"""§3: "When t = 0, since Θ is initialized as iid Gaussians, invoking the central limit theorem, neuron activities from
the same layer are iid Gaussian with zero mean. Consequently, I(0) = 0."

Measured: the corrected dependence score ι_c of every hidden layer of wide untrained nets, in both readings: one net of
the paper's greatest width and 1000 images, as in the paper's experiment; and ensembles of nets, one image each, in
which the parameters are random, too.
Supported: ι_c ≤ 0.01, the paper's threshold of independence, in both. Refuted: an interval lies entirely above it. Also
shown, in the ensembles: neurons are Gaussian (negentropy at most 0.05), of mean zero, and of one scale: chance alone
makes the largest standard deviation of 200 neurons 1.4 times the smallest. And "the biases may be taken to be zero
without loss of generality" (§1): in nets of N = 128, biases as large as pre-activations leave ι_c where it was, to
±0.01.
Controls: the same activations, independently permuted, must be supported; planted dependence and shared directions
refuted.
"""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most, within
from wndcheck.verdicts.shared_checks import INDEPENDENT, change, hidden_mean, values

CLAIM = Claim(
    "§3",
    "Neurons of an untrained net are iid Gaussian and independent: I(0) = 0",
    families=("initial/relu", "initial/tanh", "ensembles/initial", "biased/relu", "biased/tanh", "violation/shared"),
    figures=("figure-both-readings",),
)

INDEPENDENCE = Check("ι_c at initialisation, N = 1000", INDEPENDENT, scope=Scope.ESTIMATOR)
IN_ENSEMBLES = Check("ι_c at initialisation", INDEPENDENT, replicate="ensembles", scope=Scope.ESTIMATOR)
GAUSSIAN = Check(
    "negentropy at initialisation", at_most(0.05), primary=False, replicate="ensembles", scope=Scope.ESTIMATOR
)
ZERO_MEAN = Check(
    "(mean / sd)² at initialisation",
    within(-0.01, 0.01),
    primary=False,
    unit="",
    replicate="ensembles",
    scope=Scope.ESTIMATOR,
)
SAME_SCALE = Check(
    "log₁₀ of largest sd / smallest", at_most(0.2), primary=False, unit="", replicate="ensembles", scope=Scope.ESTIMATOR
)
BIASES = Check("change of ι_c by Gaussian biases", within(-0.01, 0.01), primary=False, scope=Scope.ESTIMATOR)


@check(INDEPENDENCE)
def test_independence(decide, nets, layer, activation):
    decide(*values(nets[f"initial/{activation}"], "corrected_score", layer))


@check(IN_ENSEMBLES)
def test_in_ensembles(decide, nets, layer):
    decide(*values(nets["ensembles/initial"], "corrected_score", layer))


@check(GAUSSIAN)
def test_gaussian(decide, nets, layer):
    decide(*values(nets["ensembles/initial"], "negentropy", layer))


@check(ZERO_MEAN)
def test_zero_mean(decide, nets, layer):
    decide(*values(nets["ensembles/initial"], "offset", layer))


@check(SAME_SCALE)
def test_same_scale(decide, nets, layer):
    decide(*values(nets["ensembles/initial"], "scale_ratio", layer))


@check(BIASES)
def test_biases_change_nothing(decide, nets, layer, activation):
    decide(*change(nets[f"biased/{activation}"], "corrected_score", layer))


@control(INDEPENDENCE, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, nets, activation):
    decide(*hidden_mean(nets[f"initial/{activation}"], "shuffled_score"))


@control(INDEPENDENCE, must_be="refuted")
def test_planted_dependence_is_found(decide, nets, layer, activation):
    decide(*values(nets[f"initial/{activation}"], "planted_score", layer))


@control(IN_ENSEMBLES, must_be="refuted")
def test_planted_dependence_is_found_in_ensembles(decide, nets):
    decide(nets["ensembles/initial"].of("planted_score").mean(axis=(0, 2)))


@control(INDEPENDENCE, must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(*values(nets["violation/shared"].widest, "corrected_score", layer=1))
