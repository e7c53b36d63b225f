"""§3, eq. 7: "Following (7), we have ΔI_ij ≤ ΔH_i": training adds no more to the information of a pair than to the
entropy of its neurons.

Measured: the mean over a layer's pairs of ΔI - ΔH, and the share of ordered pairs with ΔI above ΔH, from the initial to
the trained net; of every hidden layer, at every width above 20, and of the widest ensembles, in whose reading the proof
is written.
Supported: the mean is at most 0. Refuted: its interval lies entirely above 0. The share is shown and does not count
towards the verdict: a single pair's ΔI carries the estimator's noise of 0.06 nats. Also shown: what the bound is for,
that at the paper's widest the information itself does not grow, ΔI ≤ 0.01.
Control: nets given a shared direction gain information without entropy, and must be refuted, in both readings.
"""

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.declarations import check, control, over_widths
from wndcheck.verdicts import Check, Claim, Scope, at_most
from wndcheck.verdicts.shared_checks import INDEPENDENT, change, values

CLAIM = Claim(
    "§3, eq. 7",
    "The information of a pair grows by no more than a neuron's entropy",
    families=("trained/relu", "trained/tanh", "ensembles", "violation/shared", "ensembles/violating"),
    figures=("figure-information-entropy",),
)

BOUND = Check("mean of ΔI - ΔH", at_most(0))
GROWTH = Check("Δι_c at the widest", INDEPENDENT, scope=Scope.LEVEL, primary=False)
IN_ENSEMBLES = Check("mean of ΔI - ΔH", at_most(0), replicate="ensembles")
SHARE = Check("share of pairs with ΔI > ΔH", at_most(0.05), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


@check(BOUND)
def test_bound(decide, layer, trained, width):
    decide(values, trained.at(width), "lemma_excess", layer)


@check(SHARE)
def test_share(decide, layer, trained, width):
    decide(values, trained.at(width), "lemma_broken", layer)


@check(GROWTH)
def test_information_does_not_grow(decide, layer, trained):
    decide(change, trained.widest, "corrected_score", layer)


@check(IN_ENSEMBLES)
def test_in_ensembles(decide, nets, layer):
    decide(values, nets["ensembles"].widest, "lemma_excess", layer)


@control(BOUND, must_be="refuted")
def test_shared_directions_break_the_bound(decide, nets):
    decide(values, nets["violation/shared"].widest, "lemma_excess", layer=1)


@control(IN_ENSEMBLES, must_be="refuted")
def test_shared_directions_break_the_bound_in_ensembles(decide, nets):
    decide(values, nets["ensembles/violating"].widest, "lemma_excess", layer=1)
