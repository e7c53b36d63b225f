"""§1: "although we prove the lemma for pre-activations of MLPs, the extension to post-activations can be made directly
under the same proof framework"; §5 likewise.

Measured: the dependence scores of the hidden layers' post-activations φ(z): by 3H for tanh; by KSG1 for ReLU, whose
point mass at 0 has no differential entropy.
Supported: the rules of weak_dependence hold: ι_c decreases with log N from N = 20 up (trend), and at the paper's widest
the score is in the vicinity of independence, the null's mean plus one pair's deviation (vicinity). After ReLU that is ι
by KSG1, whose null is 0.000 ± 0.021 for independent Gaussians, at most 0.021. After tanh it is ι_c by 3H, whose null is
0 ± 0.042, at most 0.042: the null of ι itself is anything from 0.01 down to -0.3, the lower the more tanh saturates.
Refuted: an interval lies entirely outside its region. Also shown: after tanh ι by 3H is at most 0.054 (vicinity_by_3h);
ι_c is at most 0.01 (literal); post-activations share no more than pre-activations, as the data-processing inequality
says of any φ.
Controls: nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend, and
must leave the vicinity; so must nets with a bottleneck between any two layers. Independent Gaussians after ReLU must be
in the vicinity, and those that shared 0.223 nats before must not.
"""

from dataclasses import replace

from wndcheck.experiment.gaussian_experiments import rectified_estimates
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_most
from wndcheck.verdicts.shared_checks import (
    NEAR_INDEPENDENT_BY_KSG1,
    NEAR_INDEPENDENT_CORRECTED,
    hidden_mean,
    literal,
    slopes,
    values,
    weak_dependence,
)

BOTTLENECK = {"relu": "violation/bottleneck-relu", "tanh": "violation/bottleneck"}

CLAIM = Claim(
    "§1, §5",
    "Post-activations of wide hidden layers are weakly dependent, too",
    families=("trained/relu", "trained/tanh", "violation/shared", *BOTTLENECK.values()),
)

SEED_WORD = "post-activations"  # of the draws; frozen, whatever the claim's name

TREND, VICINITY_BY_3H = weak_dependence(" of φ(z)")
BY_KSG1 = replace(VICINITY_BY_3H, region=NEAR_INDEPENDENT_BY_KSG1)
CORRECTED = replace(VICINITY_BY_3H, estimand="ι_c of φ(z) at the widest", region=NEAR_INDEPENDENT_CORRECTED)
VICINITY = {"relu": BY_KSG1, "tanh": CORRECTED}
SCORE = {"relu": "post_score", "tanh": "post_corrected_score"}
OF_SAMPLES = replace(BY_KSG1, replicate="experiments")
LITERAL = literal(" of φ(z)", primary=False)
NO_MORE = Check("Î after φ minus before, by KSG1", at_most(0.005), primary=False)


@check(TREND)
def test_trend(decide, layer, trained):
    decide(slopes, trained.wide, "post_corrected_score", layer)


@check(LITERAL)
def test_literal(decide, layer, trained):
    decide(values, trained.widest, "post_corrected_score", layer)


@check(VICINITY, by="activation")
def test_vicinity(decide, layer, trained, activation):
    decide(values, trained.widest, SCORE[activation], layer)


@check(replace(VICINITY_BY_3H, primary=False))
def test_vicinity_by_3h(decide, layer, nets):
    decide(values, nets["trained/tanh"].widest, "post_score", layer)


@check(NO_MORE)
def test_no_more_than_before(decide, layer, trained):
    decide(values, trained.widest, "post_change", layer)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(slopes, nets["violation/shared"], "post_corrected_score", layer=1)


@control(CORRECTED, must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    decide(values, nets["violation/shared"].widest, "post_corrected_score", layer=1)


@control(VICINITY, by="activation", must_be="refuted")
def test_bottlenecks_leave_the_vicinity(decide, nets, activation):
    decide(hidden_mean, nets[BOTTLENECK[activation]], SCORE[activation])


@control(OF_SAMPLES, must_be="supported")
def test_independent_gaussians_after_relu_are_in_the_vicinity(decide, experiments):
    decide(experiments(rectified_estimates, "null", trials=64).mean(axis=1))


@control(OF_SAMPLES, must_be="refuted")
def test_dependent_gaussians_after_relu_leave_the_vicinity(decide, experiments):
    decide(experiments(rectified_estimates, "dependent", trials=64, rho=0.6).mean(axis=1))
