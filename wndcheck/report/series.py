"""What each figure shows: lines over widths or over an experiment's parameter, and their CSV. No matplotlib here."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

import numpy as np

from wndcheck.grids import Grid
from wndcheck.simulations import gaussian_entropy, gaussian_information
from wndcheck.statistics import Interval, mean_interval
from wndcheck.verdicts import Finding

CONFIDENCE = 0.99
STEMS = frozenset(
    f"figure-{name}" for name in ("2-entropy", "3-dependence", "a1a-entropy-k", "a1b-entropy-m", "a1c-stabilisation")
)


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
class Figure:
    """A figure's lines and words; `x` and `replicate` name the columns that differ between figures."""

    stem: str
    title: str
    caption: str
    x: str
    replicate: str
    lines: tuple[Line, ...]

    def csv(self) -> str:
        """Tidy rows: one a replicate, with the mean and interval of the replicates it belongs to. LF endings."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        with_truth = any(line.truth for line in self.lines)
        head = [*self.lines[0].labels, self.x, self.replicate, "value", "mean", "low", "high", "n"]
        writer.writerow(head + ["truth"] * with_truth)
        for line in self.lines:
            for i, (x, values, summary) in enumerate(zip(line.x, line.values, line.intervals, strict=True)):
                end = [number(summary.estimate), number(summary.low), number(summary.high), summary.n]
                end += [number(line.truth[i])] if line.truth else []
                # An experiment can have fewer repetitions at one place than at another.
                for replicate, value in zip(line.replicates, values, strict=False):
                    writer.writerow([*line.labels.values(), x, replicate, number(value), *end])
        return text.getvalue()


def number(value: float) -> str:
    """The shortest text that reads back as the same number; empty for NaN and infinities."""
    return repr(float(value)) if isfinite(value) else ""


def interval(values: np.ndarray) -> Interval:
    """The mean of what is finite and its 99 % t interval; NaN without a value, and NaN ends with one alone."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Interval(nan, nan, nan, 0, CONFIDENCE)
    found = mean_interval(finite, CONFIDENCE)
    return found if found.n > 1 else replace(found, low=nan, high=nan)


def all_figures(document: dict[str, Any], grids: dict[str, Grid]) -> list[Figure]:
    """Every figure that this run has data for."""
    profile = document["profile"]
    claims = {claim["id"]: [Finding.from_dict(check) for check in claim["checks"]] for claim in document["claims"]}
    figures = [
        entropy_figure(grids, profile),
        dependence_figure(grids, profile),
        entropy_against("k", claims.get("entropy-against-k", ()), profile),
        entropy_against("m", claims.get("entropy-against-m", ()), profile),
        stabilisation(claims.get("stabilisation", ()), profile),
    ]
    return [figure for figure in figures if figure]


def entropy_figure(grids: dict[str, Grid], profile: str) -> Figure | None:
    """Figure 2: H̄ against the width, after training and at the start."""
    shown = {name: grid for name, grid in grids.items() if has(grid, "entropy")}
    trained = [line for name, grid in shown.items() for line in grid_lines(name, grid, "entropy")]
    initial = [
        line
        for name, grid in shown.items()
        if epochs(grid) > 0
        for line in grid_lines(name, replace(grid, stage=0), "entropy")
    ]
    title = f"Figure 2: mean neuron entropy against width ({profile} profile)"
    caption = f"{grid_caption(shown)} Dashed: mean before training." if initial else grid_caption(shown)
    return Figure("figure-2-entropy", title, caption, "width", "seed", (*trained, *initial)) if shown else None


def dependence_figure(grids: dict[str, Grid], profile: str) -> Figure | None:
    """Figure 3: ι and ι_c against the width."""
    quantities = ("score", "corrected_score")
    shown = {name: grid for name, grid in grids.items() if any(has(grid, quantity) for quantity in quantities)}
    lines = [
        line for quantity in quantities for name, grid in shown.items() for line in grid_lines(name, grid, quantity)
    ]
    title = f"Figure 3: dependence of neurons against width ({profile} profile)"
    caption = f"{grid_caption(shown)} Linear up to 0.1, logarithmic above."
    return Figure("figure-3-dependence", title, caption, "width", "seed", tuple(lines)) if shown else None


def grid_caption(shown: dict[str, Grid]) -> str:
    counts = [grid.untrained for grid in shown.values()]
    nets, untrained = (sum(count[key] for count in counts) for key in ("nets", "untrained"))
    seeds = sorted({len(m.cell.seeds) for grid in shown.values() for m in grid.measurements})
    left_out = f"; {untrained} of {nets} nets did not train and are left out" if untrained else ""
    return f"n = {' or '.join(map(str, seeds))} nets a width. Faint: each net; strong: mean, 99 % t interval{left_out}."


def has(grid: Grid, quantity: str) -> bool:
    return bool(grid.measurements) and bool(np.isfinite(grid.of(quantity)).any())


def epochs(grid: Grid) -> int:
    return grid.measurements[0].cell.protocol.stages[grid.stage]


def grid_lines(activation: str, grid: Grid, quantity: str) -> list[Line]:
    """A line for each layer, the last included."""
    values = grid.of(quantity)
    cell = grid.measurements[0].cell
    labels: dict[str, str | int] = {"quantity": quantity, "epochs": epochs(grid), "activation": activation}
    return [
        Line(labels | {"layer": layer + 1}, grid.widths, cell.seeds, list(values[:, :, layer]))
        for layer in range(values.shape[2])
    ]


def entropy_against(parameter: str, checks: Iterable[Finding], profile: str) -> Figure | None:
    """Figures A.1a and A.1b: the entropy of standard Gaussian samples as estimated with each k, or M."""
    found = experiment("entropy estimate", parameter, checks, lambda _: gaussian_entropy())
    if not found:
        return None
    panel, name = {"k": ("a", "k"), "m": ("b", "M")}[parameter]
    title = f"Figure A.1{panel}: entropy of a standard Gaussian against {name} ({profile} profile)"
    return Figure(
        f"figure-a1{panel}-entropy-{parameter}", title, experiment_caption([found]), parameter, "experiment", (found,)
    )


def stabilisation(checks: Iterable[Finding], profile: str) -> Figure | None:
    """Figure A.1c: information of Gaussians of very unequal scales, with and without standardising."""
    checks = list(checks)
    named = {
        name: [check for check in checks if check.check.partition("[")[0] == name] for name in ("vanilla", "stabilised")
    }
    lines = [experiment(name, "rho", found, gaussian_information) for name, found in named.items()]
    measured = [line for line in lines if line]
    if not measured:
        return None
    title = f"Figure A.1c: information of Gaussians of unequal scales ({profile} profile)"
    caption = experiment_caption(measured)
    return Figure("figure-a1c-stabilisation", title, caption, "rho", "experiment", tuple(measured))


def experiment(name: str, parameter: str, checks: Iterable[Finding], truth: Callable[[float], float]) -> Line | None:
    """The line of the checks that differ in this one parameter; their values are estimate less truth."""
    # A check of all places together (the RMSE falls with M) has no place of its own.
    found = [check for check in checks if not check.control and set(check.parameters) == {parameter}]
    found = sorted((check for check in found if check.values), key=lambda check: check.parameters[parameter])
    x = [check.parameters[parameter] for check in found]
    truths = [truth(place) for place in x]
    values = [true + np.array(check.values, dtype=float) for true, check in zip(truths, found, strict=True)]
    regions = [check.region for check in found]
    replicates = range(max(map(len, values), default=0))
    line = Line({"estimator": name}, x, replicates, values, truths, regions)
    return line if line.measured else None


def experiment_caption(lines: Sequence[Line]) -> str:
    counts = sorted({found.n for line in lines for found in line.intervals})
    return f"n = {' or '.join(map(str, counts))} experiments a point. Faint: each; strong: mean, 99 % t interval."
