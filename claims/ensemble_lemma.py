"""§3, theorem 1: "there are two sources of uncertainty, namely the data distribution, and the parameter distribution";
over both, the mutual information of two neurons of a layer vanishes as the width grows.

Measured, in the ensemble reading: ensembles of nets of one width, each trained from its own initial weights; every net
is shown one image of its own, and the nets are the samples. ι_c of every hidden layer; the replicate is the ensemble.
Supported: ι_c is lower in the widest nets than in the narrowest (trend): the theorem is about a limit, and names no
width. Refuted: an interval lies entirely above 0. Also shown: whether at N = 64 and at the widest, 128, it is at most
0.01, the paper's threshold (level); and the same at the widest with one image for all nets, where only the parameters
are random.
Controls: the same activations, independently permuted, must come out independent; a planted 0.047 nats must be found;
ensembles of nets whose layers share a direction, the more so the wider they are, must be refuted.
"""

from dataclasses import replace

from wndcheck.experiment.record_schema import SAME_IMAGE
from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Check, Claim, Scope, at_most
from wndcheck.verdicts.shared_checks import INDEPENDENT, values

CLAIM = Claim(
    "§3, Thm. 1",
    "Over parameters and data, the MI of two neurons falls with the width",
    families=("ensembles", "ensembles/violating"),
    figures=("figure-both-readings",),
)

TREND = Check("ι_c of the widest minus that of the narrowest", at_most(0), replicate="ensembles")
LEVEL = Check("ι_c at the widest", INDEPENDENT, scope=Scope.LEVEL, primary=False, replicate="ensembles")
NARROWER_LEVEL = replace(LEVEL, estimand="ι_c")
SAME = Check(
    "ι_c at the widest, one image for all", INDEPENDENT, scope=Scope.LEVEL, primary=False, replicate="ensembles"
)


def pytest_generate_tests(metafunc):
    over(metafunc, "narrower", from_64)


def from_64(profile):
    """The widths from 64 up but the widest. A profile without any leaves the check, by its narrowest, to another."""
    widths = profile.ensembles.widths
    return [width for width in widths[:-1] if width >= 64] or widths[:1]


def fall(grid, layer):
    """ι_c of the widest ensembles minus that of the narrowest, (S,)."""
    scores = grid.of("corrected_score", layer)
    return scores[-1] - scores[0]


@check(TREND)
def test_trend(decide, nets, layer):
    decide(fall, nets["ensembles"], layer)


@check(LEVEL)
def test_level(decide, nets, layer):
    decide(values, nets["ensembles"].widest, "corrected_score", layer)


@check(NARROWER_LEVEL)
def test_level_in_narrower_nets(decide, nets, layer, narrower):
    decide(values, nets["ensembles"].at(narrower), "corrected_score", layer)


@check(SAME)
def test_same_image(decide, nets, layer):
    decide(values, nets["ensembles"].widest, SAME_IMAGE + "corrected_score", layer)


@control(LEVEL, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, nets):
    grid = nets["ensembles"]
    decide(grid.of("shuffled_score").mean(axis=(0, 2)), grid)


@control(LEVEL, must_be="refuted")
def test_planted_dependence_is_found(decide, nets):
    grid = nets["ensembles"]
    decide(grid.of("planted_score").mean(axis=(0, 2)), grid)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(fall, nets["ensembles/violating"], layer=1)


@control(LEVEL, must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(values, nets["ensembles/violating"].widest, "corrected_score", layer=1)
