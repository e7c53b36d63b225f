"""The verdicts of a sweep: checks of the claims, with their rules and estimands, on a user's nets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from math import log

import numpy as np

from wndcheck.estimators.pairwise_information import finite_mean
from wndcheck.experiment.grids import Grid
from wndcheck.sweep.grids import SweepGrid
from wndcheck.verdicts.checks import Check, MustBe
from wndcheck.verdicts.findings import decided
from wndcheck.verdicts.run import ClaimResult, claim_result
from wndcheck.verdicts.shared_checks import (
    CONTRAST,
    DEPENDENCE,
    ENTROPY_LEVEL,
    ENTROPY_TREND,
    INDEPENDENT,
    contrast,
    entropy_moved,
    entropy_slopes,
    slopes,
    values,
    weak_dependence,
)
from wndcheck.verdicts.statistics import FEWEST_WIDTHS, slope_per_doubling

TREND, LEVEL = weak_dependence()
START = Check("ι_c of the initial nets at the widest", INDEPENDENT)  # as of initial_data_reading
DRIFT = 0.2  # exponent of the width by which planted drift scales the weights, as in profiles.VIOLATIONS

Decided = tuple[str, Check, np.ndarray, Grid, MustBe | None]  # name, check, values, their nets, of a control


def claims_of(grid: SweepGrid) -> list[ClaimResult]:
    """The claims about wide nets that a sweep decides: those of its stages, and of its last layer if it was measured.

    Each has its controls, on activations of the same nets that are independently permuted, or given a dependence.
    """
    claims = [
        claim("weak_dependence", "§4, Fig. 3", "Hidden layers are weakly dependent, the more so the wider", weak(grid)),
        claim("initial_data_reading", "§3", "Neurons of the initial nets are independent", initial(grid)),
    ]
    if len(grid.epochs) > 1:
        statement = "The entropy of hidden neurons stays constant in wide layers"
        claims.insert(1, claim("constant_entropy", "§2, Fig. 2", statement, entropy(grid)))
    if np.isfinite(grid.whole.raw("score")[..., -1]).any():
        statement = "The last layer stays dependent, unlike the hidden ones"
        claims.append(claim("last_layer", "§4, Fig. 3", statement, last(grid)))
    return claims


def weak(grid: SweepGrid) -> Iterator[Decided]:
    widest = grid.widest
    for name, layer in grid.hidden.items():
        yield f"trend[{name}]", TREND, *trend(grid, slopes, "corrected_score", layer), None
        yield f"level[{name}]", LEVEL, values(widest, "score", layer), widest, None
    yield "permuted", LEVEL, of_hidden(widest, "shuffled_score")[0], widest, MustBe.SUPPORTED
    yield "planted", LEVEL, of_hidden(widest, "planted_strong_score")[0], widest, MustBe.REFUTED
    yield "planted_rise", TREND, *trend(grid, planted_rise), MustBe.REFUTED


def entropy(grid: SweepGrid) -> Iterator[Decided]:
    widest = grid.widest
    for name, layer in grid.hidden.items():
        yield f"trend[{name}]", ENTROPY_TREND, *trend(grid, entropy_slopes, layer), None
        yield f"level[{name}]", ENTROPY_LEVEL, entropy_moved(widest, layer), widest, None
    yield "planted_drift", ENTROPY_LEVEL, planted_drift(widest), widest, MustBe.REFUTED


def initial(grid: SweepGrid) -> Iterator[Decided]:
    start = grid.at_stage(0).widest
    for name, layer in grid.hidden.items():
        yield f"independence[{name}]", START, values(start, "corrected_score", layer), start, None
    yield "permuted", START, of_hidden(start, "shuffled_score")[0], start, MustBe.SUPPORTED
    yield "planted", START, of_hidden(start, "planted_score")[0], start, MustBe.REFUTED


def last(grid: SweepGrid) -> Iterator[Decided]:
    widest, number = grid.widest, len(grid.layers)
    for name, layer in grid.hidden.items():
        yield f"contrast[{name}]", CONTRAST, contrast(widest, layer), widest, None
    yield "dependence", DEPENDENCE, values(widest, "corrected_score", number), widest, None
    permuted = values(widest, "shuffled_score", number)
    yield "permuted", DEPENDENCE, permuted, widest, MustBe.REFUTED
    yield "permuted_contrast", CONTRAST, permuted - of_hidden(widest, "shuffled_score")[0], widest, MustBe.REFUTED


def trend(grid: SweepGrid, estimand: Callable[..., np.ndarray], *arguments: object) -> tuple[np.ndarray, Grid]:
    """The estimand over the widths that count for a trend, NaN of every net where these are too few; and their grid."""
    if len(grid.wide.measurements) < FEWEST_WIDTHS:
        return np.full(grid.nets, np.nan), grid
    return estimand(grid.wide, *arguments), grid.wide


def of_hidden(grid: Grid, quantity: str) -> np.ndarray:
    """Mean of a quantity over the hidden layers that have it, (widths, S)."""
    return np.apply_along_axis(finite_mean, -1, grid.of(quantity)[..., :-1])


def planted_rise(grid: Grid) -> np.ndarray:
    """Slope per doubling of the score of permuted activations, independent in the narrowest nets, strongly dependent
    in the widest and weakly in between: (S,).
    """
    permuted, weakly, strongly = (
        of_hidden(grid, name) for name in ("shuffled_score", "planted_score", "planted_strong_score")
    )
    return slope_per_doubling(grid.widths, np.concatenate([permuted[:1], weakly[1:-1], strongly[-1:]]))


def planted_drift(grid: Grid) -> np.ndarray:
    """|ΔH| in nets of one width whose neurons are scaled by N^0.2, which adds 0.2 log N to entropies: (S,).

    Their own mean ΔH is taken out, so that it neither helps nor hides what is planted; their spread stays.
    """
    (change,) = of_hidden(grid, "entropy_change")
    return np.abs(DRIFT * log(grid.widths[0]) + change - finite_mean(change))


def claim(name: str, paper: str, statement: str, found: Iterable[Decided]) -> ClaimResult:
    """The claim with its verdict from those of its checks; m is the number of those that count."""
    found = list(found)
    asked = Counter(check.scope for _, check, _, _, must_be in found if must_be is None)
    findings = [
        decided(
            name,
            of,
            check,
            replicates,
            m=1 if must_be else asked.total(),
            untrained=grid.untrained["untrained"],
            nets=grid.trained.size,
            must_be=must_be,
            test=f"{name}: {of}",
        )
        for of, check, replicates, grid, must_be in found
    ]
    return claim_result(id=name, paper=paper, statement=statement, findings=findings, asked=dict(asked))
