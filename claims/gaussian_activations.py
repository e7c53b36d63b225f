"""§5: "Neural activities as multi-variate Gaussians"; §1 and §5: "by central limit theorem, the activations are
approximately Gaussians …; our results further suggest that the same holds for trained MLPs given reasonably wide
layers".

Measured: the negentropy of single neurons, ½ log 2πeσ² - H, zero for a Gaussian and otherwise above; and what pairs
share beyond their correlation, ι_c minus the information of Gaussians of the same correlation, zero for a bivariate
Gaussian; their means over every hidden layer of trained nets.
Supported: the negentropy decreases with log N from N = 20 up (trend), and is at most 0.05 nats at the paper's widest
(level), where pairs share at most 0.01 nats beyond their correlation (pairs): neurons may be Gaussian one by one, and
not together. Refuted: an interval lies entirely outside its region. Also shown: the trend at the stages before the
last; and the negentropy over parameters and data (ensembles).
Controls: uniform samples (0.176 nats) must be refuted, Gaussian ones supported; sums of ever fewer uniform numbers,
which the central limit theorem leaves ever less Gaussian, must not have a decreasing trend; correlated Gaussian pairs
must share nothing beyond their correlation, and the same pairs with random signs, which are uncorrelated, must be
refuted.
"""

from dataclasses import replace

import numpy as np
import pytest

from wndcheck.experiment.gaussian_experiments import information_beyond_correlation, negentropies
from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Check, Claim, Scope, at_most
from wndcheck.verdicts.shared_checks import INDEPENDENT, slopes, values
from wndcheck.verdicts.statistics import slope_per_doubling

CLAIM = Claim(
    "§1, §5",
    "Neurons of wide trained layers are nearly Gaussian, singly and in pairs",
    families=("trained/relu", "trained/tanh", "ensembles"),
)
SEED_WORD = "gaussian-activations"  # of the draws; frozen, whatever the claim's name

TREND = Check("slope of the negentropy per doubling of N", at_most(0))
LEVEL = Check("negentropy at the widest", at_most(0.05), scope=Scope.LEVEL)
IN_ENSEMBLES = Check(
    "negentropy in the widest ensembles", at_most(0.05), primary=False, replicate="ensembles", scope=Scope.LEVEL
)
AT_STAGES = Check("slope of the negentropy per doubling of N", at_most(0), primary=False)
PAIRS = Check("ι_c minus the Gaussian's at the widest", INDEPENDENT, scope=Scope.LEVEL)
TREND_OF_SAMPLES, LEVEL_OF_SAMPLES, PAIRS_OF_SAMPLES = (
    replace(each, replicate="experiments") for each in (TREND, LEVEL, PAIRS)
)


def pytest_generate_tests(metafunc):
    over(metafunc, "epoch", lambda profile: profile.training.stages[:-1])


@pytest.fixture
def simulated(experiments):
    """Negentropy of sums of so many uniform numbers, of Gaussian ones with none: (experiments,)."""
    return lambda summands: experiments(negentropies, summands, trials=64, m=1000, summands=summands).mean(axis=1)


def beyond_correlation(grid, layer):
    """ι_c minus what Gaussians of the pairs' correlations share, in nets of one width, (S,)."""
    return values(grid, "corrected_score", layer) - values(grid, "gaussian_score", layer)


@check(TREND)
def test_trend(decide, layer, trained):
    decide(slopes, trained.wide, "negentropy", layer)


@check(AT_STAGES)
def test_at_stages(decide, profile, layer, trained, epoch):
    decide(slopes, trained.at_stage(profile.training.stages.index(epoch)).wide, "negentropy", layer)


@check(LEVEL)
def test_level(decide, layer, trained):
    decide(values, trained.widest, "negentropy", layer)


@check(IN_ENSEMBLES)
def test_in_ensembles(decide, nets, layer):
    decide(values, nets["ensembles"].widest, "negentropy", layer)


@check(PAIRS)
def test_pairs(decide, layer, trained):
    decide(beyond_correlation, trained.widest, layer)


@control(LEVEL_OF_SAMPLES, must_be="refuted")
def test_uniform_samples_are_not_gaussian(decide, simulated):
    decide(simulated(summands=1))


@control(LEVEL_OF_SAMPLES, must_be="supported")
def test_gaussian_samples_are_gaussian(decide, simulated):
    decide(simulated(summands=0))


@control(TREND_OF_SAMPLES, must_be="refuted")
def test_fewer_summands_are_less_gaussian(decide, simulated):
    by_width = np.array([simulated(summands) for summands in (4, 2, 1)])
    decide(slope_per_doubling([10, 50, 200], by_width))


@control(PAIRS_OF_SAMPLES, must_be="supported")
def test_gaussian_pairs_share_nothing_beyond_their_correlation(decide, experiments):
    decide(experiments(information_beyond_correlation, "pairs", trials=256, rho=0.6).mean(axis=1))


@control(PAIRS_OF_SAMPLES, must_be="refuted")
def test_random_signs_leave_what_is_beyond_correlation(decide, experiments):
    shared = experiments(information_beyond_correlation, "signs", trials=64, rho=0.9, random_signs=True)
    decide(shared.mean(axis=1))
