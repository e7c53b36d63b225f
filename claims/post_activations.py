"""§1: "although we prove the lemma for pre-activations of MLPs, the extension to post-activations can be made directly
under the same proof framework"; §5 likewise.

Measured: the dependence scores of the hidden layers' post-activations φ(z): by 3H for tanh; by KSG1 for ReLU, whose
point mass at 0 has no differential entropy.
Supported: the rules of weak_dependence hold: ι_c decreases with log N from N = 20 up (trend), and at the paper's widest
is at most .01 (literal), ι at most .054 (vicinity). Refuted: one lies wholly outside. Shown beside them:
post-activations share no more than pre-activations, as the data-processing inequality says of any φ.
Controls: nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend, and
must leave the vicinity; so must nets with a bottleneck between any two layers.
"""

from wndcheck.pytest_plugin.declarations import check, control, every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import slopes, weak_dependence
from wndcheck.verdicts.statistics import at_most

BOTTLENECK = {"relu": "violation/bottleneck-relu", "tanh": "violation/bottleneck"}

CLAIM = Claim(
    "§1, §5",
    "Post-activations of wide hidden layers are weakly dependent, too",
    families=("trained/relu", "trained/tanh", "violation/shared", *BOTTLENECK.values()),
)

TREND, LITERAL, VICINITY = weak_dependence(" of φ(z)")
NO_MORE = Check("Î after φ minus before, by KSG1", at_most(0.005), primary=False)


@check(TREND)
@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets[f"trained/{activation}"].wide
    decide(slopes(grid, "post_corrected_score", layer), grid)


@check(LITERAL)
@every_activation
@every_hidden_layer
def test_literal(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of("post_corrected_score", layer)[0], widest)


@check(VICINITY)
@every_activation
@every_hidden_layer
def test_vicinity(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of("post_score", layer)[0], widest)


@check(NO_MORE)
@every_activation
@every_hidden_layer
def test_no_more_than_before(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of("post_change", layer)[0], widest)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets["violation/shared"]
    decide(slopes(grid, "post_corrected_score", layer=1), grid)


@control(VICINITY, must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    widest = nets["violation/shared"].widest
    decide(widest.of("post_score", layer=1)[0], widest)


@control(VICINITY, must_be="refuted")
@every_activation
def test_bottlenecks_leave_the_vicinity(decide, nets, activation):
    grid = nets[BOTTLENECK[activation]]
    decide(grid.over_hidden_layers("post_score")[0], grid)
