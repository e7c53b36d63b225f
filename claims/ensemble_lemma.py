"""§3, theorem 1: "there are two sources of uncertainty, namely the data distribution, and the parameter distribution";
over both, the mutual information of two neurons of a layer vanishes as the width grows.

Measured, in the ensemble reading: ensembles of nets of one width, each trained from its own initial weights; every net
is shown one image of its own, and the nets are the samples. ι_c of every hidden layer; the replicate is the ensemble.
Supported: ι_c is less in the widest nets than in the narrowest (trend), and at most .01 in the widest (level). Refuted:
one lies wholly outside. Shown beside it: the same with one image for all nets, where the parameters alone are random.
Controls: the same activations shuffled apart must come out independent; a planted .047 nats must be found; ensembles of
nets whose layers share a direction, more so the wider they are, must be refuted.
"""

import pytest

from wndcheck.experiment.records import SAME_IMAGE
from wndcheck.pytest_plugin.parametrized import every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import INDEPENDENT
from wndcheck.verdicts.statistics import at_most


def cells(profile, base_seed):
    return profile.ensemble_cells(base_seed) + profile.violating_ensemble_cells(base_seed)


CLAIM = Claim(
    "ensemble-lemma",
    "§3, Thm. 1",
    "Over parameters and data, the MI of two neurons vanishes with width",
    cells,
    figures=("figure-both-readings",),
)
pytestmark = pytest.mark.claim(CLAIM)

TREND = Check("ι_c of the widest less the narrowest", at_most(0), replicate="ensembles")
LEVEL = Check("ι_c at the widest", INDEPENDENT, level=True, replicate="ensembles")
SAME = Check("ι_c at the widest, one image for all", INDEPENDENT, level=True, primary=False, replicate="ensembles")


@every_hidden_layer
def test_trend(decide, nets, layer):
    grid = nets.ensembles()
    scores = grid.of("corrected_score", layer)
    decide(TREND, scores[-1] - scores[0], grid)


@every_hidden_layer
def test_level(decide, nets, layer):
    widest = nets.ensembles().widest
    decide(LEVEL, widest.of("corrected_score", layer)[0], widest)


@every_hidden_layer
def test_same_image(decide, nets, layer):
    widest = nets.ensembles().widest
    decide(SAME, widest.of(SAME_IMAGE + "corrected_score", layer)[0], widest)


@pytest.mark.control(must_be="supported")
def test_shuffled_activations_are_independent(decide, nets):
    grid = nets.ensembles()
    decide(LEVEL, grid.of("shuffled_score").mean(axis=(0, 2)), grid)


@pytest.mark.control(must_be="refuted")
def test_planted_dependence_is_found(decide, nets):
    grid = nets.ensembles()
    decide(LEVEL, grid.of("planted_score").mean(axis=(0, 2)), grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    scores = nets.violating_ensembles().of("corrected_score", 1)
    decide(TREND, scores[-1] - scores[0])


@pytest.mark.control(must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(LEVEL, nets.violating_ensembles().of("corrected_score", 1)[-1])
