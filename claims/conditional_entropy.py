"""§3, eq. 5: "Combining … we have H(x_i(t) | x_j(t)) ≥ H(x_i(0) | x_j(0))": training leaves a neuron at least as
uncertain as it was, given another.

Measured: H(x | y) = H(x) - I(x; y), so that its change is ΔH - ΔI: the change of a layer's mean entropy minus that of
its corrected score ι_c, in which the estimator's bias cancels; of every hidden layer, at every width above 20, and of
the widest ensembles, in whose reading the proof is written. (Eq. 7 is the same inequality from the other side; there
each pair is compared with its own entropies, uncorrected.)
Supported: the mean change is at least 0. Refuted: its interval lies entirely below 0. The share of pairs that break it
is shown and does not count towards the verdict: a single pair carries the estimator's noise of 0.06 nats.
Control: nets given a shared direction gain information without entropy, and must be refuted, in both readings.
"""

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.declarations import check, control, over_widths
from wndcheck.verdicts import Check, Claim, at_least, at_most
from wndcheck.verdicts.shared_checks import change, values

CLAIM = Claim(
    "§3, eq. 5",
    "A neuron's entropy given another does not fall in training",
    families=("trained/relu", "trained/tanh", "ensembles", "violation/shared", "ensembles/violating"),
)

RISE = Check("change of H(x | y)", at_least(0))
IN_ENSEMBLES = Check("change of H(x | y)", at_least(0), replicate="ensembles")
SHARE = Check("share of pairs with H(x | y) fallen", at_most(0.05), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


def conditional_change(grid, layer):
    """ΔH - ΔI of a layer of nets of one width, (S,)."""
    return values(grid, "entropy_change", layer) - change(grid, "corrected_score", layer)


@check(RISE)
def test_rises(decide, layer, trained, width):
    decide(conditional_change, trained.at(width), layer)


@check(SHARE)
def test_share(decide, layer, trained, width):
    decide(values, trained.at(width), "lemma_broken", layer)


@check(IN_ENSEMBLES)
def test_in_ensembles(decide, nets, layer):
    decide(conditional_change, nets["ensembles"].widest, layer)


@control(RISE, must_be="refuted")
def test_shared_directions_lower_it(decide, nets):
    decide(conditional_change, nets["violation/shared"].widest, layer=1)


@control(IN_ENSEMBLES, must_be="refuted")
def test_shared_directions_lower_it_in_ensembles(decide, nets):
    decide(conditional_change, nets["ensembles/violating"].widest, layer=1)
