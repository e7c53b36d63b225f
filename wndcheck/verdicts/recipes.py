"""How far a level depends on the recipe of the nets: what the profile's adds to the paper's, and what others change.

A profile that trains faster than the paper measures other nets. By how much is itself measured, on nets of the paper's
recipe that have the same initial weights and images as some of the profile's, and carried by every level as an error
that no number of nets removes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, nan

import numpy as np

from wndcheck.experiment.counterparts import Pair
from wndcheck.experiment.grids import Grid
from wndcheck.verdicts.checks import FEWEST
from wndcheck.verdicts.statistics import Interval, mean_interval, paired_difference

CONFIDENCE = 0.99
FARTHEST = 5  # times as wide, or as narrow, nets may be whose difference stands for that of a width without pairs

Estimand = Callable[[Grid], np.ndarray]  # of a grid of one width: one value per net, (S,)


@dataclass(frozen=True)
class RecipeError:
    """Limits of δ, an estimand by the profile's recipe minus that by the paper's, in the estimand's unit.

    `widths` are those of the pairs of nets that it was measured on: none where the recipe is untested, as no such pairs
    have a value or are near enough. Without `of_paper` the paper has no such nets at all.
    """

    low: float
    high: float
    widths: tuple[int, ...]
    of_paper: bool


def recipe_error(estimand: Estimand, grid: Grid, pairs: Sequence[Pair[Grid]]) -> RecipeError:
    """Return the limits of δ of an estimand that is about the nets of a grid.

    Those of the grid's own width where there are pairs; else the wider of the limits at the next widths below and
    above, as far as these are at most five times away.
    """
    if not pairs or len(grid.widths) != 1:
        return RecipeError(0.0, 0.0, (), of_paper=bool(pairs))
    (width,) = grid.widths
    found = limits_by_width(estimand, grid, pairs)
    nearest = {max((n for n in found if n <= width), default=0), min((n for n in found if n >= width), default=0)}
    near = sorted(n for n in nearest if n and max(n, width) <= FARTHEST * min(n, width))
    low, high = min((found[n].low for n in near), default=0.0), max((found[n].high for n in near), default=0.0)
    return RecipeError(low, high, tuple(near), of_paper=True)


def limits_by_width(estimand: Estimand, grid: Grid, pairs: Sequence[Pair[Grid]]) -> dict[int, Interval]:
    """Return the interval of δ at the grid's stage by width of the pairs, of those with enough values.

    Where nets of the paper's recipe were not trained to that stage, δ is taken at their last; to its limits those of
    the change of δ since then are added, of the nearest width that has both.
    """
    stage = range(len(grid.epochs))[grid.stage]
    pairs = [counted_alike(pair, grid) for pair in pairs]
    whole = {pair.other.widths[0]: pair for pair in pairs if len(pair.other.epochs) > stage}
    begun = {pair.other.widths[0]: pair for pair in pairs if len(pair.other.epochs) <= stage}
    found: dict[int, Interval | None] = {}
    for width, pair in begun.items():
        last = len(pair.other.epochs) - 1
        reached = interval(differences(estimand, pair, last))
        if not whole or not reached:
            continue
        nearest = min(whole, key=lambda n: abs(log(n / width)))
        since = (differences(estimand, whole[nearest], at) for at in (stage, last))
        if change := interval(np.subtract(*since)):
            found[width] = replace(reached, low=reached.low + change.low, high=reached.high + change.high)
    found |= {width: interval(differences(estimand, pair, stage)) for width, pair in whole.items()}
    return {width: limits for width, limits in found.items() if limits}


def counted_alike(pair: Pair[Grid], grid: Grid) -> Pair[Grid]:
    """Return the pair, counting nets that did not train as the grid does."""
    return Pair(*(replace(each, takes_untrained=grid.takes_untrained) for each in pair))


def differences(estimand: Estimand, pair: Pair, stage: int) -> np.ndarray:
    """Return the estimand by the usual recipe minus that by the other, net by net, at a stage of both: (S,)."""
    return paired_difference(*(estimand(each.at_stage(stage)) for each in pair))


def interval(values: np.ndarray) -> Interval | None:
    """Return the 99 % interval of the mean of the finite values; None with fewer than four."""
    known = values[np.isfinite(values)]
    return mean_interval(known, CONFIDENCE) if len(known) >= FEWEST else None


def changes_by_choice(estimand: Estimand, grid: Grid, choices: Mapping[str, Pair[Grid]]) -> dict[str, float]:
    """Return by how much an estimand is greater by each choice that the paper leaves open than by the profile's.

    It is the mean over nets of the one width where choices are varied; NaN with fewer than four values.
    """
    if len(grid.widths) != 1:
        return {}
    stage = range(len(grid.epochs))[grid.stage]
    pairs = {name: counted_alike(pair, grid) for name, pair in choices.items()}
    found = {name: interval(differences(estimand, pair, stage)) for name, pair in pairs.items()}
    return {name: -each.estimate if each else nan for name, each in found.items()}
