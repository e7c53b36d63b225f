"""§2, Assumption 1 (eq. 1), Figure 2: the change of a neuron's entropy in training, ΔH, goes to zero with the width;
"with sufficiently large N, ΔH becomes insignificant".

Measured: |ΔH|, the change of a layer's mean neuron entropy from the initial to the trained net, for hidden layers.
Supported: |ΔH| decreases with log N from N = 20 up (trend), and is at most 0.1 nats at the paper's widest (level).
Refuted: it rises, or stays above. Also shown, for the intuition behind the assumption ("a single neuron is not overall
important, and thereby the distribution of z should not differ much from its initialization"): how far a neuron's
distribution moves in training, in its initial standard deviations, and how many images are classified otherwise without
a neuron.
Controls: nets whose weights drift by a factor that grows with the width must be refuted, by trend, by level and by
their distributions; nets whose weights have grown by less than a hundredth must be supported; nets whose neurons are
constant have no entropy, and must get no verdict.
"""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most
from wndcheck.verdicts.shared_checks import ENTROPY_LEVEL, ENTROPY_TREND, entropy_moved, entropy_slopes, slopes, values

CLAIM = Claim(
    "§2, Fig. 2",
    "The entropy of hidden neurons stays constant in wide layers",
    families=("trained/relu", "trained/tanh", "violation/drift", "violation/still", "violation/constant"),
    figures=("figure-2-entropy",),
)

MOVED = "distance of a neuron's distribution from its initial one"
DISTRIBUTION_TREND = Check(f"slope of the {MOVED} per doubling of N", at_most(0), primary=False, unit="sd")
DISTRIBUTION_LEVEL = Check(f"{MOVED} at the widest", at_most(0.1), scope=Scope.LEVEL, primary=False, unit="sd")
IMPORTANCE = Check("slope per doubling of N of the images a neuron decides", at_most(0), primary=False, unit="")


@check(ENTROPY_TREND)
def test_trend(decide, layer, trained):
    decide(entropy_slopes, trained.wide, layer)


@check(ENTROPY_LEVEL)
def test_level(decide, layer, trained):
    decide(entropy_moved, trained.widest, layer)


@check(DISTRIBUTION_TREND)
def test_distribution_trend(decide, layer, trained):
    decide(slopes, trained.wide, "distribution_change", layer)


@check(DISTRIBUTION_LEVEL)
def test_distribution_level(decide, layer, trained):
    decide(values, trained.widest, "distribution_change", layer)


@check(IMPORTANCE)
def test_importance(decide, layer, trained):
    decide(slopes, trained.wide, "importance", layer)


@control(ENTROPY_TREND, must_be="refuted")
def test_drifting_nets_have_no_falling_trend(decide, nets):
    decide(entropy_slopes, nets["violation/drift"], layer=1)


@control(ENTROPY_LEVEL, must_be="refuted")
def test_drifting_nets_do_not_keep_the_level(decide, nets):
    decide(entropy_moved, nets["violation/drift"].widest, layer=1)


@control(ENTROPY_LEVEL, must_be="supported")
def test_nets_that_hardly_move_keep_the_level(decide, nets, layer):
    decide(entropy_moved, nets["violation/still"], layer)


@control(DISTRIBUTION_TREND, must_be="refuted")
def test_drifting_distributions_are_noticed(decide, nets):
    decide(slopes, nets["violation/drift"], "distribution_change", layer=1)


@control(ENTROPY_LEVEL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    decide(entropy_moved, nets["violation/constant"], layer=1)
