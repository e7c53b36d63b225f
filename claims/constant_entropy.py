"""§2, Assumption 1 (eq. 1), Figure 2: the change of a neuron's entropy in training, ΔH, goes to zero with the width;
"with sufficiently large N, ΔH becomes insignificant".

Measured: |ΔH|, the change of a layer's mean neuron entropy from the initial to the trained net, for hidden layers.
Supported: |ΔH| decreases with log N from N = 20 up (trend), and is at most .1 nats at the paper's widest (level).
Refuted: it rises, or stays above. Shown beside it, for the intuition behind the assumption ("a single neuron is not
overall important, and thereby the distribution of z should not differ much from its initialization"): how far a
neuron's distribution moves in training, in its initial standard deviations, and how many images are classified
otherwise without a neuron.
Controls: nets whose weights drift by a factor that grows with the width must be refuted, by trend, by level and by
their distributions; nets whose weights have grown by less than a hundredth must be supported; nets whose neurons are
constant have no entropy, and must get no verdict.
"""

from wndcheck.pytest_plugin.declarations import check, control, every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import ENTROPY_LEVEL, ENTROPY_TREND, entropy_moved, entropy_slopes, slopes
from wndcheck.verdicts.statistics import at_most

CLAIM = Claim(
    "§2, Fig. 2",
    "The entropy of hidden neurons stays constant in wide layers",
    families=("trained/relu", "trained/tanh", "violation/drift", "violation/still", "violation/constant"),
    figures=("figure-2-entropy",),
)

MOVED = "distance of a neuron's distribution from its initial one"
DISTRIBUTION_TREND = Check(f"slope of the {MOVED} per doubling of N", at_most(0), primary=False, unit="sd")
DISTRIBUTION_LEVEL = Check(f"{MOVED} at the widest", at_most(0.1), level=True, primary=False, unit="sd")
IMPORTANCE = Check("slope per doubling of N of the images a neuron decides", at_most(0), primary=False, unit="")


@check(ENTROPY_TREND)
@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets[f"trained/{activation}"].wide
    decide(entropy_slopes(grid, layer), grid)


@check(ENTROPY_LEVEL)
@every_activation
@every_hidden_layer
def test_level(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(entropy_moved(widest, layer)[0], widest)


@check(DISTRIBUTION_TREND)
@every_activation
@every_hidden_layer
def test_distribution_trend(decide, nets, activation, layer):
    grid = nets[f"trained/{activation}"].wide
    decide(slopes(grid, "distribution_change", layer), grid)


@check(DISTRIBUTION_LEVEL)
@every_activation
@every_hidden_layer
def test_distribution_level(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of("distribution_change", layer)[0], widest)


@check(IMPORTANCE)
@every_activation
@every_hidden_layer
def test_importance(decide, nets, activation, layer):
    grid = nets[f"trained/{activation}"].wide
    decide(slopes(grid, "importance", layer), grid)


@control(ENTROPY_TREND, must_be="refuted")
def test_drifting_nets_have_no_falling_trend(decide, nets):
    grid = nets["violation/drift"]
    decide(entropy_slopes(grid, layer=1), grid)


@control(ENTROPY_LEVEL, must_be="refuted")
def test_drifting_nets_do_not_keep_the_level(decide, nets):
    widest = nets["violation/drift"].widest
    decide(entropy_moved(widest, layer=1)[0], widest)


@control(ENTROPY_LEVEL, must_be="supported")
@every_hidden_layer
def test_nets_that_hardly_move_keep_the_level(decide, nets, layer):
    grid = nets["violation/still"]
    decide(entropy_moved(grid, layer)[0], grid)


@control(DISTRIBUTION_TREND, must_be="refuted")
def test_drifting_distributions_are_noticed(decide, nets):
    grid = nets["violation/drift"]
    decide(slopes(grid, "distribution_change", layer=1), grid)


@control(ENTROPY_LEVEL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    grid = nets["violation/constant"]
    decide(entropy_moved(grid, layer=1)[0], grid)
