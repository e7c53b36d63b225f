"""§3: "When t = 0, since Θ is initialized as iid Gaussians, invoking the central limit theorem, neuron activities from
the same layer are iid Gaussian with zero mean. Consequently, I(0) = 0."

Measured: the corrected dependence score ι_c of every hidden layer of wide untrained nets, in the ensemble reading, of
which the central limit theorem speaks: over random parameters, the samples are nets, each shown an image of its own.
(One net and many images is the claim initial_data_reading.)
Supported: ι_c is at most 0.01, the paper's threshold of independence. Refuted: an interval lies entirely above it. Also
shown: neurons are Gaussian (negentropy at most 0.05), of mean zero, and of one scale: chance alone makes the largest
standard deviation of 200 neurons 1.4 times the smallest.
Controls: the same activations, independently permuted, must be supported; planted dependence refuted, and ensembles of
nets whose layers share a direction.
"""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most, within
from wndcheck.verdicts.shared_checks import INDEPENDENT, values

CLAIM = Claim(
    "§3",
    "Over parameters, neurons of an untrained net are iid Gaussian and independent: I(0) = 0",
    families=("ensembles/initial", "ensembles/violating"),
    figures=("figure-both-readings",),
)

INDEPENDENCE = Check("ι_c at initialisation", INDEPENDENT, replicate="ensembles", scope=Scope.ESTIMATOR)
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


@check(INDEPENDENCE)
def test_independence(decide, nets, layer):
    decide(values, nets["ensembles/initial"], "corrected_score", layer)


@check(GAUSSIAN)
def test_gaussian(decide, nets, layer):
    decide(values, nets["ensembles/initial"], "negentropy", layer)


@check(ZERO_MEAN)
def test_zero_mean(decide, nets, layer):
    decide(values, nets["ensembles/initial"], "offset", layer)


@check(SAME_SCALE)
def test_same_scale(decide, nets, layer):
    decide(values, nets["ensembles/initial"], "scale_ratio", layer)


@control(INDEPENDENCE, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, nets):
    decide(nets["ensembles/initial"].of("shuffled_score").mean(axis=(0, 2)))


@control(INDEPENDENCE, must_be="refuted")
def test_planted_dependence_is_found(decide, nets):
    decide(nets["ensembles/initial"].of("planted_score").mean(axis=(0, 2)))


@control(INDEPENDENCE, must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(values, nets["ensembles/violating"].widest, "corrected_score", layer=1)
