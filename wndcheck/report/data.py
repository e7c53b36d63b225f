"""What each figure of a run shows: the paper's figures, both readings, trajectories, pairs and the lemma.

A figure is None where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.records import PAIR_QUANTILES, SAME_IMAGE
from wndcheck.experiment.simulations import gaussian_entropy, gaussian_information
from wndcheck.report.measured import Measured
from wndcheck.report.series import MOST_POINTS, Band, Figure, Labels, Line, Point, Scatter
from wndcheck.verdicts.run import Finding, Run

FORMS = {"": "ensemble, one image each", SAME_IMAGE: "ensemble, the same image"}
DATA_READING = "data"
PAPERS_NULL = (0.012, 0.042)  # §4: mean and standard deviation for independent Gaussians, M = 1000
SCORES = ("score", "corrected_score")
SYMLOG = "linear up to 0.1, logarithmic above."
FIGURES = (
    "figure-2-entropy",
    "figure-3-dependence",
    "figure-pairs",
    "figure-information-entropy",
    "figure-both-readings",
    "figure-trajectories",
    "figure-b1-cifar10",
    "figure-b2-convnets",
    "figure-a1a-entropy-k",
    "figure-a1b-entropy-m",
    "figure-a1c-stabilisation",
)  # by the stems of their files, in the order in which they are shown


def all_figures(run: Run, measured: Measured) -> list[Figure | Scatter]:
    """Every figure that this run has data for."""
    checks = {claim.id: claim.checks for claim in run.claims}
    trained = list(measured.trained.values())
    cifar10, convnets = ([grid] if grid else [] for grid in (measured.cifar10, measured.convnets))
    figures = [
        entropy_figure("figure-2-entropy", "Figure 2: mean neuron entropy against width", trained),
        dependence_figure(trained),
        pairs_figure(trained, checks.get("estimator_null", ())),
        lemma_figure(trained),
        readings_figure(measured.data_reading, measured.ensembles),
        trajectory_figure(trained),
        entropy_figure(
            "figure-b1-cifar10", "Figure B.1: entropy and dependence of neurons on CIFAR-10", cifar10, SCORES
        ),
        entropy_figure("figure-b2-convnets", "Figure B.2: entropy of the dense layers of convolutional nets", convnets),
        *estimator_figures(checks),
    ]
    return [replace(each, title=f"{each.title} ({run.profile} profile)") for each in figures if each]


# --- lines of grids ---------------------------------------------------------------------------------------------------


def has(grid: Grid, *quantities: str) -> bool:
    """Does any trained net have a number for one of these?"""
    return any(np.isfinite(grid.of(quantity)).any() for quantity in quantities)


def stages(grid: Grid) -> tuple[int, ...]:
    return grid.measurements[0].cell.protocol.stages


def epochs(grid: Grid) -> int:
    return stages(grid)[grid.stage]


def replicates(grid: Grid) -> Sequence[int]:
    """The seed of each net, or the first seed of each ensemble."""
    cell = grid.measurements[0].cell
    return cell.seeds[:: cell.nets_per_ensemble] if cell.ensembles else cell.seeds


def labels_of(grid: Grid, quantity: str) -> Labels:
    return {"quantity": quantity, "epochs": epochs(grid), "activation": grid.measurements[0].cell.activation}


def layer_lines(grid: Grid, labels: Labels, values: np.ndarray, x: Sequence[float] = ()) -> list[Line]:
    """A line for each layer of values (places, R, layers), the last included; the places are widths by default."""
    return [
        Line(labels | {"layer": layer + 1}, x or grid.widths, replicates(grid), list(values[:, :, layer]))
        for layer in range(values.shape[2])
    ]


def grid_lines(grids: Iterable[Grid], *quantities: str) -> list[Line]:
    return [
        line
        for quantity in quantities
        for grid in grids
        for line in layer_lines(grid, labels_of(grid, quantity), grid.of(quantity))
    ]


def nets_of(grids: Iterable[Grid]) -> str:
    """``n = 8 nets a width``."""
    counts = sorted({len(m.cell.seeds) for grid in grids for m in grid.measurements})
    return f"n = {' or '.join(map(str, counts))} nets a width"


def grid_caption(grids: Sequence[Grid]) -> str:
    nets, untrained = (sum(grid.untrained[key] for grid in grids) for key in ("nets", "untrained"))
    left_out = f"; {untrained} of {nets} nets did not train and are left out" if untrained else ""
    return f"{nets_of(grids)}. Faint: each net; strong: mean, 99 % t interval{left_out}."


# --- trained nets -----------------------------------------------------------------------------------------------------


def entropy_figure(stem: str, title: str, grids: Iterable[Grid], scores: Sequence[str] = ()) -> Figure | None:
    """Figures 2, B.1 and B.2: H̄ against the width, after training and before it; with some scores below it."""
    shown = [grid for grid in grids if has(grid, "entropy")]
    if not shown:
        return None
    at_stages = [each for grid in shown for each in ([grid, grid.at_stage(0)] if epochs(grid) > 0 else [grid])]
    lines = grid_lines(at_stages, "entropy") + grid_lines(shown, *scores)
    caption = grid_caption(shown) + (" Dashed: mean before training." if len(at_stages) > len(shown) else "")
    caption += f" Scores: {SYMLOG}" if scores else ""
    return Figure(stem, title, caption, "width", "seed", tuple(lines))


def dependence_figure(grids: Iterable[Grid]) -> Figure | None:
    """Figure 3: ι and ι_c against the width."""
    if not (shown := [grid for grid in grids if has(grid, *SCORES)]):
        return None
    title = "Figure 3: dependence of neurons against width"
    caption = f"{grid_caption(shown)} {SYMLOG.capitalize()}"
    return Figure("figure-3-dependence", title, caption, "width", "seed", tuple(grid_lines(shown, *SCORES)))


def readings_figure(data: Grid | None, ensembles: Grid | None) -> Figure | None:
    """ι_c against the width in the data reading and in both forms of the ensemble reading, layer by layer."""
    if not ensembles or not has(ensembles, *(form + "corrected_score" for form in FORMS)):
        return None
    shown = [(reading, form, ensembles) for form, reading in FORMS.items()]
    if data and has(data, "corrected_score"):
        shown.insert(0, (DATA_READING, "", data))
    lines = []
    for stage in (-1, 0):
        for reading, form, grid in shown:
            at = grid.at_stage(stage)
            labels: Labels = {"quantity": "corrected_score", "reading": reading, "epochs": epochs(at)}
            lines += layer_lines(at, labels, at.of(form + "corrected_score"))
    cell = ensembles.measurements[0].cell
    title = "Both readings: dependence of neurons against width"
    caption = (
        f"Data: samples are {10 * cell.probe.images_per_class} images, replicates nets. Ensemble: samples are "
        f"{cell.nets_per_ensemble} nets, replicates {cell.ensembles} ensembles.\nFaint: each replicate that trained; "
        f"strong: mean, 99 % t interval; dashed: mean before training. {SYMLOG.capitalize()}"
    )
    return Figure(
        "figure-both-readings", title, caption, "width", "replicate", tuple(lines), columns="layer", curves="reading"
    )


def trajectory_figure(grids: Iterable[Grid]) -> Figure | None:
    """ι_c and ΔH of the widest nets against the epochs, where more is known than the beginning and the end.

    Nets that end untrained are left out at every stage.
    """
    shown = [grid.widest for grid in grids if len(stages(grid)) > 2 and has(grid.widest, "corrected_score")]
    if not shown:
        return None
    lines = []
    for quantity in ("corrected_score", "entropy_change"):
        for grid in shown:
            values = np.concatenate([grid.at_stage(i).of(quantity) for i in range(len(stages(grid)))])
            activation = grid.measurements[0].cell.activation
            labels: Labels = {"quantity": quantity, "activation": activation, "width": grid.widths[0]}
            lines += layer_lines(grid, labels, values, stages(grid))
    title = "Trajectories: the widest nets against epochs of training"
    widths = " or ".join(map(str, sorted({grid.widths[0] for grid in shown})))
    caption = f"N = {widths}; {grid_caption(shown)} ι_c: {SYMLOG}"
    return Figure("figure-trajectories", title, caption, "epochs", "seed", tuple(lines))


# --- pairs and the lemma ----------------------------------------------------------------------------------------------


def pairs_figure(grids: Iterable[Grid], null: Iterable[Finding]) -> Figure | None:
    """§4: quantiles over a layer's pairs against the width, layer by layer, with those of the null as a band."""
    shown = [grid for grid in grids if np.isfinite(grid.of_pairs()).any()]
    if not shown:
        return None
    lines = tuple(line for grid in shown for line in quantile_lines(grid))
    mean, spread = null_of(null)
    low, high = (NormalDist(mean, spread).inv_cdf(PAIR_QUANTILES[i]) for i in (0, -1))
    title = "Pairs: information of single pairs against the null"
    caption = (
        f"Score ι of each pair of a layer, quantiles over the pairs. {grid_caption(shown)}\n"
        f"Band: 5 to 95 % of the estimates for independent Gaussians, {mean:.3f} ± {spread:.3f}. {SYMLOG.capitalize()}"
    )
    band = Band(low, mean, high, "independent Gaussians")
    return Figure("figure-pairs", title, caption, "width", "seed", lines, "layer", "quantile", "activation", band)


def quantile_lines(grid: Grid) -> list[Line]:
    """A line for each layer and quantile."""
    values, labels = grid.of_pairs(), labels_of(grid, "pair_score")
    return [
        Line(
            labels | {"layer": layer + 1, "quantile": f"{100 * quantile:.0f} %"},
            grid.widths,
            replicates(grid),
            list(values[:, :, layer, place]),
        )
        for layer in range(values.shape[2])
        for place, quantile in enumerate(PAIR_QUANTILES)
    ]


def null_of(checks: Iterable[Finding]) -> tuple[float, float]:
    """Mean and standard deviation as this run found them, else the paper's."""
    found = {finding.name: finding.interval.estimate for finding in checks}
    ours = found.get("mean", np.nan), found.get("standard_deviation", np.nan)
    return ours if np.isfinite(ours).all() and ours[1] > 0 else PAPERS_NULL


def lemma_figure(grids: Iterable[Grid]) -> Scatter | None:
    """§3, eq. 7: Δι of a layer's pairs against ΔH of its neurons, where there is a stage after the first."""
    shown = [grid for grid in grids if len(stages(grid)) > 1]
    points = tuple(point for grid in shown for point in points_of(grid))
    if not points:
        return None
    one = "one net" if len(points) <= MOST_POINTS else "the nets of one width (mean)"
    caption = (
        f"A point: one layer of {one}; strong: after the last epoch, faint: at earlier stages, of every width. "
        f"{nets_of(shown)}.\n"
        f"Line: ΔI = ΔH, the bound of eq. 7, below which the points should lie. {SYMLOG.capitalize()}"
    )
    return Scatter("figure-information-entropy", "Lemma: information gained against entropy gained", caption, points)


def points_of(grid: Grid) -> Iterable[Point]:
    """The points of all nets that trained and gave both numbers."""
    seeds, before = replicates(grid), grid.at_stage(0).of("score")
    for stage, count in enumerate(stages(grid)[1:], 1):
        at = grid.at_stage(stage)
        entropy, information = at.of("entropy_change"), at.of("score") - before
        for i, j, k in np.argwhere(np.isfinite(entropy) & np.isfinite(information)):
            both = float(entropy[i, j, k]), float(information[i, j, k])
            yield Point(grid.measurements[i].cell.activation, grid.widths[i], count, int(k) + 1, seeds[j], *both)


# --- experiments of the estimators (appendix A), from the checks that ran them ----------------------------------------


def estimator_figures(checks: Mapping[str, Sequence[Finding]]) -> list[Figure | None]:
    """Figures A.1a to c: the entropy of standard Gaussians by k and M, the information of very unequal ones by rho."""
    title = "Figure A.1{}: entropy of a standard Gaussian against {}"
    k, m = ({"entropy estimate": checks.get(f"entropy_against_{name}", ())} for name in "km")
    scales = checks.get("stabilisation", ())
    estimators = {name: [each for each in scales if each.function == name] for name in ("vanilla", "stabilised")}
    return [
        experiment_figure("figure-a1a-entropy-k", title.format("a", "k"), "k", k, lambda _: gaussian_entropy()),
        experiment_figure("figure-a1b-entropy-m", title.format("b", "M"), "m", m, lambda _: gaussian_entropy()),
        experiment_figure(
            "figure-a1c-stabilisation",
            "Figure A.1c: information of Gaussians of unequal scales",
            "rho",
            estimators,
            gaussian_information,
        ),
    ]


def experiment_figure(
    stem: str,
    title: str,
    parameter: str,
    checks: Mapping[str, Sequence[Finding]],
    truth: Callable[[float], float],
) -> Figure | None:
    """A line for each estimator that has been measured."""
    lines = [experiment_line(name, parameter, found, truth) for name, found in checks.items()]
    measured = tuple(line for line in lines if line.measured)
    counts = sorted({found.n for line in measured for found in line.intervals})
    caption = f"n = {' or '.join(map(str, counts))} experiments a point. Faint: each; strong: mean, 99 % t interval."
    return Figure(stem, title, caption, parameter, "experiment", measured) if measured else None


def experiment_line(name: str, parameter: str, checks: Iterable[Finding], truth: Callable[[float], float]) -> Line:
    """The line of the checks that differ in this one parameter; their values are estimate minus truth."""
    # A check of all places together (the RMSE falls with M) has no place of its own.
    found = [check for check in checks if set(check.parameters) == {parameter} and check.values]
    found.sort(key=lambda check: check.parameters[parameter])
    x: list[Any] = [check.parameters[parameter] for check in found]
    truths = [truth(place) for place in x]
    values = [true + np.array(check.values, dtype=float) for true, check in zip(truths, found, strict=True)]
    regions = [check.check.region for check in found]
    return Line({"estimator": name}, x, range(max(map(len, values), default=0)), values, truths, regions)
