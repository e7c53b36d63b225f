"""What training adds to the information of pairs beside what it adds to the entropy of neurons (§3, eq. 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.report.nets import grid_caption, stages
from wndcheck.report.series import Figure, csv_text, number
from wndcheck.verdicts.sentences import grouped

MOST = 2000  # points that are drawn one by one; beyond, each is the mean over the nets of a width
HEAD = ("activation", "width", "epochs", "layer", "seed", "entropy_change", "score_change")


@dataclass(frozen=True)
class Point:
    """One layer of one net at one stage, less the same at stage 0."""

    activation: str
    width: int
    epochs: int
    layer: int
    seed: int
    entropy_change: float
    score_change: float


@dataclass(frozen=True)
class Scatter:
    """A figure with a point for each layer of each net: a panel for each activation, a colour for each layer."""

    stem: str
    title: str
    caption: str
    points: tuple[Point, ...]

    @property
    def last(self) -> int:
        return max(point.layer for point in self.points)

    @property
    def description(self) -> str:
        """How many of the points keep to the bound, of every layer."""
        parts = [
            f"layer {layer}, {sum(map(keeps_to_bound, found))} of {len(found)}"
            for layer in range(1, self.last + 1)
            if (found := [point for point in self.points if point.layer == layer])
        ]
        return f"Points at or below the bound ΔI ≤ ΔH: {'; '.join(parts)}."

    @property
    def shown(self) -> tuple[Point, ...]:
        """The points that are drawn."""
        return self.points if len(self.points) <= MOST else means_over_nets(self.points)

    def csv(self) -> str:
        return csv_text(HEAD, map(row, self.points))


AnyFigure = Figure | Scatter


def means_over_nets(points: Iterable[Point]) -> tuple[Point, ...]:
    """A point for each layer, width and stage."""
    groups = grouped(points, lambda point: (point.activation, point.width, point.epochs, point.layer))
    return tuple(
        replace(
            group[0],
            entropy_change=float(np.mean([point.entropy_change for point in group])),
            score_change=float(np.mean([point.score_change for point in group])),
        )
        for group in groups
    )


def keeps_to_bound(point: Point) -> bool:
    return point.score_change <= point.entropy_change


def row(point: Point) -> list[object]:
    numbers = (point.entropy_change, point.score_change)
    return [point.activation, point.width, point.epochs, point.layer, point.seed, *map(number, numbers)]


def lemma_figure(grids: dict[str, Grid], profile: str) -> Scatter | None:
    """Δι against ΔH, where there is a stage after the first."""
    shown = {name: grid for name, grid in grids.items() if grid.measurements and len(stages(grid)) > 1}
    points = tuple(point for name, grid in shown.items() for point in points_of(name, grid))
    if not points:
        return None
    title = f"Lemma: information gained against entropy gained ({profile} profile)"
    one = "one net" if len(points) <= MOST else "the nets of one width (mean)"
    caption = (
        f"A point: one layer of {one}; strong: after the last epoch, faint: at earlier stages, of every width. "
        f"{grid_caption(shown).partition(' Faint')[0]}\n"
        "Line: ΔI = ΔH, the bound of eq. 7, below which the points should lie. Linear up to 0.1, logarithmic above."
    )
    return Scatter("figure-information-entropy", title, caption, points)


def points_of(activation: str, grid: Grid) -> Iterable[Point]:
    """The points of all nets that trained and gave both numbers."""
    seeds, before = grid.measurements[0].cell.seeds, replace(grid, stage=0).of("score")
    for stage, epochs in enumerate(stages(grid)[1:], 1):
        at = replace(grid, stage=stage)
        entropy, information = at.of("entropy_change"), at.of("score") - before
        for i, j, k in np.argwhere(np.isfinite(entropy) & np.isfinite(information)):
            both = float(entropy[i, j, k]), float(information[i, j, k])
            yield Point(activation, grid.widths[i], epochs, int(k) + 1, seeds[j], *both)
