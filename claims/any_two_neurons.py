"""Abstract: "any two pre-activations of the same layer have arbitrarily low dependence"; §3: "any two of them should
not be dependent on each other much". The paper measures the mean over pairs, which says nothing of single ones.

Measured: pairs of every hidden layer of trained nets, one by one, by an estimator that is precise enough for that: KSG1
of normal scores of the ranks with k = 20, ± 0.008 nats for an independent pair where the paper's 3H is ± 0.042. The
share of dependent pairs, whose estimate exceeds the paper's threshold 0.01 by more than the 99 % point of independent
pairs, and the 99 % point of the pairs' estimates.
Supported: both fall with log N from N = 20 up (trend, upper_trend), and at the paper's widest at most one pair of a
hundred, a share of 0.01, is dependent (level): of any two neurons, that is as near as samples of pairs come. Refuted:
an interval lies entirely outside its region. Also shown: whether Gaussians of the pairs' rank correlations account for
at least half, 0.5, of the information (gaussian_share). The margins are the paper's threshold, a share and a half of
our own.
Controls: nets whose layers share a direction, the more so the wider they are, must not have falling trends; in nets
with a bottleneck between any two layers, and in nets of copies, more pairs must be dependent; so must Gaussian pairs
with correlation 0.3 (0.047 nats), and independent Gaussian ones must not. Nets whose neurons are constant have no
information, and must get no verdict.
"""

from dataclasses import replace

import pytest

from wndcheck.experiment.gaussian_experiments import share_of_dependent_pairs
from wndcheck.experiment.record_schema import RANK_QUANTILES
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_least, at_most
from wndcheck.verdicts.shared_checks import hidden_mean, slopes, values
from wndcheck.verdicts.statistics import slope_per_doubling

CLAIM = Claim(
    "Abstract, §3 (ours)",
    "Not only on average: any two neurons of a wide hidden layer are nearly independent",
    families=(
        "trained/relu",
        "trained/tanh",
        "violation/shared",
        "violation/bottleneck",
        "violation/tied",
        "violation/constant",
    ),
)
SEED_WORD = "any-two-neurons"  # of the draws; frozen, whatever the claim's name

TREND = Check("slope of the share of dependent pairs per doubling of N", at_most(0), unit="")
UPPER_TREND = Check("slope of the 99 % point of the pairs per doubling of N", at_most(0))
LEVEL = Check("share of dependent pairs at the widest", at_most(0.01), scope=Scope.LEVEL, unit="")
LEVEL_OF_SAMPLES = replace(LEVEL, replicate="experiments")
GAUSSIAN_SHARE = Check(
    "share of the pairs' information that Gaussians account for, at the widest",
    at_least(0.5),
    scope=Scope.LEVEL,
    primary=False,
    unit="",
)


def upper_slopes(grid, layer):
    """Slope of the 99 % point of a layer's pairs per doubling of the width (nats)."""
    upper = grid.of("rank_quantiles", layer)[..., RANK_QUANTILES.index(0.99)]
    return slope_per_doubling(grid.widths, upper)


def gaussian_shares(grid, layer):
    """What Gaussians of the pairs' rank correlations share, over what the pairs do, in nets of one width."""
    return values(grid, "rank_gaussian_score", layer) / values(grid, "rank_score", layer)


@check(TREND)
def test_trend(decide, layer, trained):
    decide(slopes, trained.wide, "rank_dependent", layer)


@check(UPPER_TREND)
def test_upper_trend(decide, layer, trained):
    decide(upper_slopes, trained.wide, layer)


@check(LEVEL)
def test_level(decide, layer, trained):
    decide(values, trained.widest, "rank_dependent", layer)


@check(GAUSSIAN_SHARE)
def test_gaussian_share(decide, layer, trained):
    decide(gaussian_shares, trained.widest, layer)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(slopes, nets["violation/shared"], "rank_dependent", layer=1)


@control(UPPER_TREND, must_be="refuted")
def test_shared_directions_have_no_falling_upper_trend(decide, nets):
    decide(upper_slopes, nets["violation/shared"], layer=1)


@control(LEVEL, must_be="refuted")
@pytest.mark.parametrize("kind", ["bottleneck", "tied"])
def test_nets_of_few_directions_have_dependent_pairs(decide, nets, kind):
    decide(hidden_mean, nets[f"violation/{kind}"], "rank_dependent")


@control(LEVEL_OF_SAMPLES, must_be="supported")
def test_independent_gaussians_are_independent(decide, experiments):
    decide(experiments(share_of_dependent_pairs, "independent", trials=200).mean(axis=1))


@control(LEVEL_OF_SAMPLES, must_be="refuted")
def test_dependent_gaussians_are_found(decide, experiments):
    decide(experiments(share_of_dependent_pairs, "dependent", trials=50, rho=0.3).mean(axis=1))


@control(LEVEL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    decide(values, nets["violation/constant"], "rank_dependent", layer=1)
