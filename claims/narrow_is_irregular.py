"""Appendix B, Figure B.1b: "in low width regimes, the behaviour of the dependence score ι is less regular".

Measured: how far the ι of a net is from the median of its width, in nets of N = 10 and 15 and in nets of N = 200 and
500, on CIFAR-10, and also on MNIST; the estimand is how often a narrow net is further from it than a wide one. Widths
that a profile lacks are left out on both sides. All widths have as many nets: distances from the medians of few nets
are smaller than from those of many. Nets with dead layers have no ι there and are left out: what is irregular about
them is not counted.
Supported: in more than 0.5 of all pairs of a narrow and a wide net the narrow one is further from its median, at p ≤
0.01 of a permutation test on the ranks of the distances. (ι can be negative, so that relative distances would mean
nothing.) Refuted: less often, by the other tail at 0.01 / m. Also shown: the mean distance from the other nets of the
width, of N < 20 minus that of N ≥ 200.
Controls: nets on MNIST whose wide ones' ι are moved apart, by 0.5 nats from one to the next, must be refuted; with the
narrow ones' moved apart they must be supported.
"""

import numpy as np

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_least
from wndcheck.verdicts.checks import Statistic

CLAIM = Claim(
    "§B, Fig. B.1b",
    "The dependence score is less regular in narrow nets",
    families=("cifar10", "trained/relu", "trained/tanh"),
    figures=("figure-b1-cifar10",),
)

NARROW_WIDTHS, WIDE_WIDTHS = (10, 15), (200, 500)
IRREGULAR = Check(
    "how often ι of a narrow net is further from its width's median than that of a wide one",
    at_least(0.5),
    alpha=0.02,  # so that each tail has 0.01
    unit="",
    statistic=Statistic.RANKS,
)
ON_MNIST = Check(IRREGULAR.estimand, at_least(0.5), primary=False, alpha=0.02, unit="", statistic=Statistic.RANKS)
DEVIATION = Check("deviation of ι at N < 20 minus that at N ≥ 200", at_least(0), primary=False)


def both_ends(grid):
    """The grid of the narrow widths and of as many wide ones; the whole grid where it lacks either."""
    narrow, wide = ([width for width in named if width in grid.widths] for named in (NARROW_WIDTHS, WIDE_WIDTHS))
    count = min(len(narrow), len(wide))
    return grid.at(*narrow[:count], *wide[-count:]) if count else grid


def distances(grid, layer, to_narrow=0.0, to_wide=0.0):
    """|ι - median of the width| of the nets of `both_ends` in a row, (widths * S,); NaN if that is the whole grid.

    Of each width NaN but for the same number of nets, the first that have a score. `to_narrow` and `to_wide` nats are
    added to the second such net, twice as much to the third, and so on.
    """
    if not {*NARROW_WIDTHS, *WIDE_WIDTHS}.issuperset(grid.widths):
        return np.full(grid.trained.size, np.nan)
    widths = len(grid.widths) // 2
    scores = grid.of("score", layer)
    scores += np.repeat([[to_narrow], [to_wide]], widths, axis=0) * np.arange(scores.shape[1])
    is_known = np.isfinite(scores)
    is_known &= np.cumsum(is_known, axis=1) <= is_known.sum(axis=1).min()
    known = np.ma.masked_where(~is_known, scores)
    from_median = np.abs(known - np.ma.median(known, axis=1, keepdims=True))
    return np.ma.filled(from_median, np.nan).ravel()


def deviation(scores):
    """From the mean of the others of the width, averaged over a seed's widths: (widths, S) -> (S,); NaN without any."""
    known = np.ma.masked_invalid(scores)
    count = known.count(axis=1)[:, None]
    others = (known.sum(axis=1, keepdims=True) - known) / np.maximum(count - 1, 1)
    deviations = np.ma.masked_where(np.broadcast_to(count < 4, known.shape), np.abs(known - others))
    return np.ma.filled(deviations.mean(axis=0), np.nan)


@check(IRREGULAR)
def test_irregular(decide, nets, layer):
    decide(distances, both_ends(nets["cifar10"]), layer)


@check(ON_MNIST)
def test_on_mnist(decide, layer, trained):
    decide(distances, both_ends(trained), layer)


@check(DEVIATION)
def test_deviation(decide, nets, layer):
    grid = nets["cifar10"]
    widths, scores = np.array(grid.widths), grid.of("score", layer)
    decide(deviation(scores[widths < NARROW]) - deviation(scores[widths >= 200]), grid)


@control(IRREGULAR, must_be="refuted")
def test_scattered_wide_nets_are_noticed(decide, trained):
    decide(distances, both_ends(trained), layer=1, to_wide=0.5)


@control(IRREGULAR, must_be="supported")
def test_scattered_narrow_nets_are_noticed(decide, trained):
    decide(distances, both_ends(trained), layer=1, to_narrow=0.5)
