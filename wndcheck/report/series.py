"""Lines of replicates over widths, epochs or an experiment's parameter, figures made of them, and their CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np

from wndcheck.verdicts.statistics import Interval, mean_interval

CONFIDENCE = 0.99


@dataclass(frozen=True)
class Line:
    """Replicates at each place `x`: `values[i][r]` is NaN where replicate `replicates[r]` gave no number."""

    labels: dict[str, str | int]
    x: Sequence[float]
    replicates: Sequence[int]
    values: Sequence[np.ndarray]
    truth: Sequence[float] = ()
    regions: Sequence[tuple[float, float]] = ()  # of the checks, for `values` less `truth`

    @property
    def intervals(self) -> list[Interval]:
        return [interval(values) for values in self.values]

    @property
    def measured(self) -> bool:
        return any(np.isfinite(values).any() for values in self.values)


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

    def csv(self) -> str:
        """Tidy rows: one a replicate, with the mean and interval of the replicates it belongs to."""
        with_truth = any(line.truth for line in self.lines)
        head = [*self.lines[0].labels, self.x, self.replicate, "value", "mean", "low", "high", "n"]
        return csv_text(head + ["truth"] * with_truth, (row for line in self.lines for row in line_rows(line)))


def line_rows(line: Line) -> Iterable[list[object]]:
    for i, (x, values, summary) in enumerate(zip(line.x, line.values, line.intervals, strict=True)):
        end = [*numbers(summary), *([number(line.truth[i])] if line.truth else [])]
        # An experiment can have fewer repetitions at one place than at another.
        for replicate, value in zip(line.replicates, values, strict=False):
            yield [*line.labels.values(), x, replicate, number(value), *end]


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


def interval(values: np.ndarray) -> Interval:
    """The mean of what is finite and its 99 % t interval; NaN without a value, and NaN ends with one alone."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Interval(nan, nan, nan, 0, CONFIDENCE)
    found = mean_interval(finite, CONFIDENCE)
    return found if found.n > 1 else replace(found, low=nan, high=nan)
