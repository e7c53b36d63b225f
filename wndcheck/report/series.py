"""What a figure is made of: lines of replicates, points or layers, with their intervals, their words and their CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from wndcheck.report.format import group_by
from wndcheck.verdicts.statistics import Interval, Region, mean_interval

CONFIDENCE = 0.99
MOST_TOLD = 40  # lines that a figure's description tells one by one; the CSV has all
MOST_POINTS = 2000  # points that are drawn one by one; beyond, each is the mean over the nets of a width
POINT_HEAD = ("activation", "width", "epochs", "layer", "seed", "entropy_change", "score_change")


@dataclass(frozen=True)
class Line:
    """Replicates at each place `x`: `values[i][r]` is NaN where replicate `replicates[r]` gave no number."""

    labels: dict[str, str | int]
    x: Sequence[float]
    replicates: Sequence[int]
    values: Sequence[np.ndarray]
    truth: Sequence[float] = ()
    regions: Sequence[Region] = ()  # of the checks, for `values` minus `truth`

    @property
    def intervals(self) -> list[Interval]:
        return [interval(values) for values in self.values]

    @property
    def measured(self) -> bool:
        return any(np.isfinite(values).any() for values in self.values)

    def rows(self) -> Iterable[list[object]]:
        """A row of the CSV for each replicate, with the mean and interval of all at its place."""
        for i, (x, values, summary) in enumerate(zip(self.x, self.values, self.intervals, strict=True)):
            end = [*numbers(summary), *([number(self.truth[i])] if self.truth else [])]
            # An experiment can have fewer repetitions at one place than at another.
            for replicate, value in zip(self.replicates, values, strict=False):
                yield [*self.labels.values(), x, replicate, number(value), *end]

    def ends(self) -> str:
        """``score relu layer 1: 0.21 at 5, 0.056 at 200``."""
        names = {key: value for key, value in self.labels.items() if key != "epochs"}
        words = [f"layer {value}" if key == "layer" else str(value).replace("_", " ") for key, value in names.items()]
        known = [(x, at.estimate) for x, at in zip(self.x, self.intervals, strict=True) if isfinite(at.estimate)]
        places = dict.fromkeys([known[0], known[-1]])
        return f"{' '.join(words)}: " + ", ".join(f"{mean:.3g} at {x:g}" for x, mean in places)


@dataclass(frozen=True)
class Band:
    """A range that lies behind all lines of a figure, and its middle."""

    low: float
    middle: float
    high: float
    label: str


@dataclass(frozen=True)
class Figure:
    """A figure's lines and words; `x` and `replicate` name the columns that differ between figures.

    A figure of nets has a row of panels for each value of the label `rows`, a column for each of the label `columns`,
    and in each panel a curve for each of the label `curves`.
    """

    stem: str
    title: str
    caption: str
    x: str
    replicate: str
    lines: tuple[Line, ...]
    columns: str = "activation"
    curves: str = "layer"
    rows: str = "quantity"
    band: Band | None = None

    @property
    def description(self) -> str:
        """Where each line of the last stage begins and ends, for those who cannot see the figure."""
        last = max((int(line.labels.get("epochs", 0)) for line in self.lines), default=0)
        shown = [line for line in self.lines if int(line.labels.get("epochs", 0)) == last and line.measured]
        told = "; ".join(line.ends() for line in shown[:MOST_TOLD])
        more = f"; and {len(shown) - MOST_TOLD} more lines" if len(shown) > MOST_TOLD else ""
        return f"Means by {self.x}: {told}{more}."

    def csv(self) -> str:
        """Tidy rows: one a replicate, with the mean and interval of the replicates it belongs to."""
        with_truth = any(line.truth for line in self.lines)
        head = [*self.lines[0].labels, self.x, self.replicate, "value", "mean", "low", "high", "n"]
        return csv_text(head + ["truth"] * with_truth, (row for line in self.lines for row in line.rows()))


@dataclass(frozen=True)
class Point:
    """One layer of one net: its score and entropy at one stage, minus those at stage 0."""

    activation: str
    width: int
    epochs: int
    layer: int
    seed: int
    entropy_change: float
    score_change: float

    @property
    def group(self) -> tuple[object, ...]:
        return self.activation, self.width, self.epochs, self.layer


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
        """How many of the points of every layer keep to the bound."""
        layers = sorted(group_by(self.points, lambda point: point.layer), key=lambda points: points[0].layer)
        parts = [
            f"layer {points[0].layer}, {sum(p.score_change <= p.entropy_change for p in points)} of {len(points)}"
            for points in layers
        ]
        return f"Points at or below the bound ΔI ≤ ΔH: {'; '.join(parts)}."

    @property
    def shown(self) -> tuple[Point, ...]:
        """The points that are drawn: beyond MOST_POINTS, the mean of each layer, width and stage."""
        if len(self.points) <= MOST_POINTS:
            return self.points
        return tuple(
            replace(
                group[0],
                entropy_change=float(np.mean([point.entropy_change for point in group])),
                score_change=float(np.mean([point.score_change for point in group])),
            )
            for group in group_by(self.points, lambda point: point.group)
        )

    def csv(self) -> str:
        return csv_text(
            POINT_HEAD, ([*p.group, p.seed, number(p.entropy_change), number(p.score_change)] for p in self.points)
        )


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file, with LF endings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def number(value: float) -> str:
    """The shortest text that reads back as the same number; empty for NaN and infinities."""
    return repr(float(value)) if isfinite(value) else ""


def numbers(found: Interval) -> list[object]:
    """An interval's columns: mean, low, high, n."""
    return [number(found.estimate), number(found.low), number(found.high), found.n]


def interval(values: Sequence[float] | np.ndarray) -> Interval:
    """The mean of what is finite and its 99 % t interval; NaN without a value, and NaN ends with one alone."""
    values = np.asarray(values, dtype=float)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Interval(nan, nan, nan, 0, CONFIDENCE)
    found = mean_interval(finite, CONFIDENCE)
    return found if found.n > 1 else replace(found, low=nan, high=nan)
