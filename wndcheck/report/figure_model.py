"""Model of a figure: lines of replicates or points of layers, with their intervals, descriptions and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from math import isfinite, nan

import numpy as np

from wndcheck.report.format import group_by, printable
from wndcheck.verdicts.statistics import Interval, Region, mean_interval

Labels = dict[str, str | int]
CONFIDENCE = 0.99
MOST_DESCRIBED = 40  # lines that a figure's description names; the CSV has all
MOST_POINTS = 2000  # points that are drawn one by one; beyond, each is the mean over the nets of a width


@dataclass(frozen=True)
class Line:
    """Replicates at each place `x`: `values[i][r]` is NaN where replicate `replicates[r]` gave no number."""

    labels: Labels
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
        """Rows of the CSV: one per replicate, with the mean and interval of all at its place."""
        for i, (x, values, at) in enumerate(zip(self.x, self.values, self.intervals, strict=True)):
            # An experiment can have fewer repetitions at one place than at another.
            for replicate, value in zip(self.replicates, values, strict=False):
                yield [*self.labels.values(), x, replicate, value, *columns(at), *self.truth[i : i + 1]]

    def endpoints_text(self) -> str:
        """``score relu layer 1: 0.21 at 5, 0.056 at 200``."""
        names = {key: value for key, value in self.labels.items() if key != "epochs"}
        words = [f"layer {value}" if key == "layer" else str(value).replace("_", " ") for key, value in names.items()]
        known = [(x, at.estimate) for x, at in zip(self.x, self.intervals, strict=True) if isfinite(at.estimate)]
        places = dict.fromkeys([known[0], known[-1]])
        return f"{' '.join(words)}: " + ", ".join(f"{mean:.3g} at {x:g}" for x, mean in places)


@dataclass(frozen=True)
class Band:
    """A range that is shaded behind all lines of a figure, and its middle."""

    low: float
    middle: float
    high: float
    label: str


@dataclass(frozen=True)
class Figure:
    """A figure's lines and texts; `x` and `replicate` name the columns that differ between figures, `stem` its files.

    A figure of nets has a row of panels for each value of the label `rows`, a column for each of the label `columns`,
    and in each panel a curve for each of the label `curves`. `layer_names` are those of the layers, which are otherwise
    called by their numbers.
    """

    title: str
    caption: str
    x: str
    replicate: str
    lines: tuple[Line, ...]
    columns: str = "activation"
    curves: str = "layer"
    rows: str = "quantity"
    band: Band | None = None
    stem: str = ""
    layer_names: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The endpoints of each line of the last stage, for readers who cannot see the figure."""
        last = max((int(line.labels.get("epochs", 0)) for line in self.lines), default=0)
        shown = [line for line in self.lines if int(line.labels.get("epochs", 0)) == last and line.measured]
        descriptions = "; ".join(line.endpoints_text() for line in shown[:MOST_DESCRIBED])
        more = f"; and {len(shown) - MOST_DESCRIBED} more lines" if len(shown) > MOST_DESCRIBED else ""
        return f"Means by {self.x}: {descriptions}{more}."

    def csv(self) -> str:
        """Tidy rows: one per replicate, with the mean and interval of the replicates it belongs to."""
        head = [*self.lines[0].labels, self.x, self.replicate, "value", "mean", "low", "high", "n"]
        return csv_text(
            head + ["truth"] * bool(self.lines[0].truth), (row for line in self.lines for row in line.rows())
        )


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


@dataclass(frozen=True)
class Scatter:
    """A figure with a point for each layer of each net: a panel for each activation, a colour for each layer."""

    title: str
    caption: str
    points: tuple[Point, ...]
    stem: str = ""

    @property
    def last(self) -> int:
        return max(point.layer for point in self.points)

    @property
    def description(self) -> str:
        """The number of points of each layer that are within the bound."""
        parts = []
        for layer in sorted({point.layer for point in self.points}):
            kept = [point.score_change <= point.entropy_change for point in self.points if point.layer == layer]
            parts.append(f"layer {layer}, {sum(kept)} of {len(kept)}")
        return f"Points at or below the bound ΔI ≤ ΔH: {'; '.join(parts)}."

    @property
    def plotted_points(self) -> tuple[Point, ...]:
        """All points; beyond MOST_POINTS, the mean of each layer, width and stage."""
        if len(self.points) <= MOST_POINTS:
            return self.points
        groups = group_by(self.points, lambda point: (point.activation, point.width, point.epochs, point.layer))
        changes = ("entropy_change", "score_change")
        means = [{name: float(np.mean([getattr(p, name) for p in group])) for name in changes} for group in groups]
        return tuple(replace(group[0], **mean) for group, mean in zip(groups, means, strict=True))

    def csv(self) -> str:
        return csv_text([field.name for field in fields(Point)], map(astuple, self.points))


def csv_text(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A CSV file, with LF endings; numbers as `number` writes them, and text without control characters."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(map(csv_cell, row) for row in rows)
    return text.getvalue()


def csv_cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        return number(float(value))
    return printable(value) if isinstance(value, str) else value


def number(value: float) -> str:
    """The shortest text that reads back as the same number; empty for NaN and infinities."""
    return repr(float(value)) if isfinite(value) else ""


def columns(found: Interval) -> list[float]:
    """Mean, low, high, n."""
    return [found.estimate, found.low, found.high, found.n]


def interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Mean of the finite values and its 99 % t interval; NaN without a value, NaN ends with only one."""
    values = np.asarray(values, dtype=float)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Interval(nan, nan, nan, 0, CONFIDENCE)
    found = mean_interval(finite, CONFIDENCE)
    return found if found.n > 1 else replace(found, low=nan, high=nan)
