"""§1 and §5: "by central limit theorem, the activations are approximately Gaussians …; our results further suggest that
the same holds for trained MLPs given reasonably wide layers".

Measured: the negentropy of single neurons, ½ log 2πeσ² - H, zero for a Gaussian and otherwise above; its mean over
every hidden layer of trained nets.
Supported: it decreases with log N from N = 20 up (trend), and is at most .05 nats at the paper's widest (level).
Refuted: one lies wholly outside. Shown beside them: the trend at the stages before the last; the same over parameters
and data (ensembles); and how far the pairs are from Gaussian, the information ι_c beyond what Gaussians of the same
correlation share.
Controls: uniform samples (.176 nats) must be refuted, Gaussian ones supported; sums of ever fewer uniform numbers,
which the central limit theorem leaves ever less Gaussian, must not have a decreasing trend.
"""

from dataclasses import replace

import numpy as np

from wndcheck.experiment.simulations import negentropies
from wndcheck.pytest_plugin.declarations import check, control, every_activation, every_hidden_layer, over
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import INDEPENDENT, slopes
from wndcheck.verdicts.statistics import at_most, slope_per_doubling

CLAIM = Claim(
    "§1, §5",
    "Neurons of wide layers are nearly Gaussian, trained or not",
    families=("trained/relu", "trained/tanh", "ensembles"),
)
SEED_WORD = "gaussian-activations"  # of the draws; frozen, whatever the claim's name

TREND = Check("slope of the negentropy per doubling of N", at_most(0))
LEVEL = Check("negentropy at the widest", at_most(0.05), level=True)
IN_ENSEMBLES = Check("negentropy in the widest ensembles", at_most(0.05), primary=False, replicate="ensembles")
AT_STAGES = Check("slope of the negentropy per doubling of N", at_most(0), primary=False)
PAIRS = Check("ι_c minus the Gaussian's at the widest", INDEPENDENT, level=True, primary=False)
TREND_OF_SAMPLES, LEVEL_OF_SAMPLES = (replace(each, replicate="experiments") for each in (TREND, LEVEL))


def pytest_generate_tests(metafunc):
    over(metafunc, "epoch", lambda profile: profile.training.stages[:-1])


def simulated(profile, base_seed, summands):
    words = (SEED_WORD, base_seed, summands)
    return [negentropies(*words, i, trials=64, m=1000, summands=summands).mean() for i in range(profile.experiments)]


@check(TREND)
@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets[f"trained/{activation}"].wide
    decide(slopes(grid, "negentropy", layer), grid)


@check(AT_STAGES)
@every_activation
@every_hidden_layer
def test_at_stages(decide, nets, profile, activation, layer, epoch):
    grid = nets[f"trained/{activation}"].at_stage(profile.training.stages.index(epoch)).wide
    decide(slopes(grid, "negentropy", layer), grid)


@check(LEVEL)
@every_activation
@every_hidden_layer
def test_level(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of("negentropy", layer)[0], widest)


@check(IN_ENSEMBLES)
@every_hidden_layer
def test_in_ensembles(decide, nets, layer):
    widest = nets["ensembles"].widest
    decide(widest.of("negentropy", layer)[0], widest)


@check(PAIRS)
@every_activation
@every_hidden_layer
def test_pairs(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide((widest.of("corrected_score", layer) - widest.of("gaussian_score", layer))[0], widest)


@control(LEVEL_OF_SAMPLES, must_be="refuted")
def test_uniform_samples_are_not_gaussian(decide, profile, base_seed):
    decide(simulated(profile, base_seed, summands=1))


@control(LEVEL_OF_SAMPLES, must_be="supported")
def test_gaussian_samples_are_gaussian(decide, profile, base_seed):
    decide(simulated(profile, base_seed, summands=0))


@control(TREND_OF_SAMPLES, must_be="refuted")
def test_fewer_summands_are_less_gaussian(decide, profile, base_seed):
    values = np.array([simulated(profile, base_seed, summands) for summands in (4, 2, 1)])
    decide(slope_per_doubling([10, 50, 200], values))
