"""§1: "although we prove the lemma for pre-activations of MLPs, the extension to post-activations can be made directly
under the same proof framework"; §5 likewise.

Measured: the dependence scores of the hidden layers' post-activations φ(z): by 3H for tanh; by KSG1 for ReLU, whose
point mass at 0 has no differential entropy.
Supported: the rules of weak_dependence hold: ι_c decreases with log N from N = 20 up (trend), and at the paper's widest
is at most 0.01 (literal), ι at most 0.054 (vicinity). Refuted: an interval lies entirely outside its region. Also
shown: post-activations share no more than pre-activations, as the data-processing inequality says of any φ.
Controls: nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend, and
must leave the vicinity; so must nets with a bottleneck between any two layers.
"""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_most
from wndcheck.verdicts.shared_checks import hidden_mean, literal, slopes, values, weak_dependence

BOTTLENECK = {"relu": "violation/bottleneck-relu", "tanh": "violation/bottleneck"}

CLAIM = Claim(
    "§1, §5",
    "Post-activations of wide hidden layers are weakly dependent, too",
    families=("trained/relu", "trained/tanh", "violation/shared", *BOTTLENECK.values()),
)

TREND, VICINITY = weak_dependence(" of φ(z)")
LITERAL = literal(" of φ(z)")
NO_MORE = Check("Î after φ minus before, by KSG1", at_most(0.005), primary=False)


@check(TREND)
def test_trend(decide, layer, trained):
    decide(*slopes(trained.wide, "post_corrected_score", layer))


@check(LITERAL)
def test_literal(decide, layer, trained):
    decide(*values(trained.widest, "post_corrected_score", layer))


@check(VICINITY)
def test_vicinity(decide, layer, trained):
    decide(*values(trained.widest, "post_score", layer))


@check(NO_MORE)
def test_no_more_than_before(decide, layer, trained):
    decide(*values(trained.widest, "post_change", layer))


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(*slopes(nets["violation/shared"], "post_corrected_score", layer=1))


@control(VICINITY, must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    decide(*values(nets["violation/shared"].widest, "post_score", layer=1))


@control(VICINITY, must_be="refuted")
def test_bottlenecks_leave_the_vicinity(decide, nets, activation):
    decide(*hidden_mean(nets[BOTTLENECK[activation]], "post_score"))
