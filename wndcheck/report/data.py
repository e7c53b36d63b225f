"""What each figure of a run shows: the paper's figures, both readings, trajectories, pairs and the lemma.

A figure is None where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.records import PAIR_QUANTILES, SAME_IMAGE
from wndcheck.experiment.simulations import gaussian_entropy, gaussian_information
from wndcheck.report.measured import Measured
from wndcheck.report.series import MOST_POINTS, Band, Figure, Line, Point, Scatter
from wndcheck.verdicts.run import Finding, Run

FORMS = {"": "ensemble, one image each", SAME_IMAGE: "ensemble, the same image"}
DATA_READING = "data"
PAPERS_NULL = (0.012, 0.042)  # §4: mean and standard deviation for independent Gaussians, M = 1000
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
    figures = [
        entropy_figure(measured.trained, run.profile),
        dependence_figure(measured.trained, run.profile),
        pairs_figure(measured.trained, checks.get("estimator_null", ()), run.profile),
        lemma_figure(measured.trained, run.profile),
        readings_figure(measured.beside_ensembles, measured.ensembles, run.profile),
        trajectory_figure(measured.trained, run.profile),
        cifar10_figure(measured.cifar10, run.profile),
        convnet_figure(measured.convnets, run.profile),
        entropy_against("k", checks.get("entropy_against_k", ()), run.profile),
        entropy_against("m", checks.get("entropy_against_m", ()), run.profile),
        stabilisation_figure(checks.get("stabilisation", ()), run.profile),
    ]
    return [figure for figure in figures if figure]


# --- lines of grids ---------------------------------------------------------------------------------------------------


def has(grid: Grid, quantity: str) -> bool:
    return bool(grid.measurements) and bool(np.isfinite(grid.of(quantity)).any())


def stages(grid: Grid) -> tuple[int, ...]:
    return grid.measurements[0].cell.protocol.stages


def epochs(grid: Grid) -> int:
    return stages(grid)[grid.stage]


def replicates(grid: Grid) -> Sequence[int]:
    """The seed of each net, or the first seed of each ensemble."""
    cell = grid.measurements[0].cell
    return cell.seeds[:: cell.nets_per_ensemble] if cell.ensembles else cell.seeds


def layer_lines(
    labels: dict[str, str | int], x: Sequence[float], replicates: Sequence[int], values: np.ndarray
) -> list[Line]:
    """A line for each layer of values (places, R, layers), the last included."""
    return [
        Line(labels | {"layer": layer + 1}, x, replicates, list(values[:, :, layer]))
        for layer in range(values.shape[2])
    ]


def grid_lines(activation: str, grid: Grid, quantity: str) -> list[Line]:
    labels: dict[str, str | int] = {"quantity": quantity, "epochs": epochs(grid), "activation": activation}
    return layer_lines(labels, grid.widths, replicates(grid), grid.of(quantity))


def entropy_lines(activation: str, grid: Grid) -> list[Line]:
    """H̄ after training, and before it."""
    before = grid_lines(activation, replace(grid, stage=0), "entropy") if epochs(grid) > 0 else []
    return grid_lines(activation, grid, "entropy") + before


def nets_of(shown: dict[str, Grid]) -> str:
    """``n = 8 nets a width``."""
    seeds = sorted({len(m.cell.seeds) for grid in shown.values() for m in grid.measurements})
    return f"n = {' or '.join(map(str, seeds))} nets a width"


def grid_caption(shown: dict[str, Grid]) -> str:
    counts = [grid.untrained for grid in shown.values()]
    nets, untrained = (sum(count[key] for count in counts) for key in ("nets", "untrained"))
    left_out = f"; {untrained} of {nets} nets did not train and are left out" if untrained else ""
    return f"{nets_of(shown)}. Faint: each net; strong: mean, 99 % t interval{left_out}."


def entropy_caption(shown: dict[str, Grid]) -> str:
    before = " Dashed: mean before training." if any(epochs(grid) > 0 for grid in shown.values()) else ""
    return grid_caption(shown) + before


# --- trained nets -----------------------------------------------------------------------------------------------------


def entropy_figure(grids: dict[str, Grid], profile: str) -> Figure | None:
    """Figure 2: H̄ against the width, after training and at the start."""
    shown = {name: grid for name, grid in grids.items() if has(grid, "entropy")}
    lines = [line for name, grid in shown.items() for line in entropy_lines(name, grid)]
    title = f"Figure 2: mean neuron entropy against width ({profile} profile)"
    return Figure("figure-2-entropy", title, entropy_caption(shown), "width", "seed", tuple(lines)) if shown else None


def dependence_figure(grids: dict[str, Grid], profile: str) -> Figure | None:
    """Figure 3: ι and ι_c against the width."""
    quantities = ("score", "corrected_score")
    shown = {name: grid for name, grid in grids.items() if any(has(grid, quantity) for quantity in quantities)}
    lines = [line for each in quantities for name, grid in shown.items() for line in grid_lines(name, grid, each)]
    title = f"Figure 3: dependence of neurons against width ({profile} profile)"
    caption = f"{grid_caption(shown)} Linear up to 0.1, logarithmic above."
    return Figure("figure-3-dependence", title, caption, "width", "seed", tuple(lines)) if shown else None


def cifar10_figure(grid: Grid | None, profile: str) -> Figure | None:
    """Figure B.1: H̄, ι and ι_c against the width, of ReLU nets on CIFAR-10."""
    if not grid or not has(grid, "entropy"):
        return None
    scores = [line for name in ("score", "corrected_score") for line in grid_lines("relu", grid, name)]
    title = f"Figure B.1: entropy and dependence of neurons on CIFAR-10 ({profile} profile)"
    caption = f"{entropy_caption({'relu': grid})} Scores: linear up to 0.1, logarithmic above."
    lines = (*entropy_lines("relu", grid), *scores)
    return Figure("figure-b1-cifar10", title, caption, "width", "seed", lines)


def convnet_figure(grid: Grid | None, profile: str) -> Figure | None:
    """Figure B.2: H̄ against the width of the dense layers of convolutional nets on CIFAR-10."""
    if not grid or not has(grid, "entropy"):
        return None
    title = f"Figure B.2: entropy of the dense layers of convolutional nets ({profile} profile)"
    lines = tuple(entropy_lines("relu", grid))
    return Figure("figure-b2-convnets", title, entropy_caption({"relu": grid}), "width", "seed", lines)


def readings_figure(data: Grid | None, ensembles: Grid | None, profile: str) -> Figure | None:
    """ι_c against the width in the data reading and in both forms of the ensemble reading, layer by layer."""
    if not ensembles or not any(has(ensembles, form + "corrected_score") for form in FORMS):
        return None
    lines = [line for stage in (-1, 0) for line in reading_lines(data, ensembles, stage)]
    cell = ensembles.measurements[0].cell
    title = f"Both readings: dependence of neurons against width ({profile} profile)"
    caption = (
        f"Data: samples are {10 * cell.probe.images_per_class} images, replicates nets. Ensemble: samples are "
        f"{cell.nets_per_ensemble} nets, replicates {cell.ensembles} ensembles.\nFaint: each replicate that trained; "
        "strong: mean, 99 % t interval; dashed: mean before training. Linear up to 0.1, logarithmic above."
    )
    return Figure(
        "figure-both-readings", title, caption, "width", "replicate", tuple(lines), columns="layer", curves="reading"
    )


def reading_lines(data: Grid | None, ensembles: Grid, stage: int) -> list[Line]:
    """The lines of one stage, those of the data reading first."""
    shown = {(reading, form): ensembles for form, reading in FORMS.items()}
    if data and has(data, "corrected_score"):
        shown = {(DATA_READING, ""): data} | shown
    lines = []
    for (reading, form), grid in shown.items():
        at = replace(grid, stage=stage)
        labels: dict[str, str | int] = {"quantity": "corrected_score", "reading": reading, "epochs": epochs(at)}
        lines += layer_lines(labels, at.widths, replicates(at), at.of(form + "corrected_score"))
    return lines


def trajectory_figure(grids: dict[str, Grid], profile: str) -> Figure | None:
    """ι_c and ΔH of the widest nets against the epochs, where more is known than the beginning and the end."""
    widest = {name: grid.widest for name, grid in grids.items() if grid.measurements}
    shown = {name: grid for name, grid in widest.items() if len(stages(grid)) > 2 and has(grid, "corrected_score")}
    quantities = ("corrected_score", "entropy_change")
    lines = [line for each in quantities for name, grid in shown.items() for line in trajectory(name, grid, each)]
    title = f"Trajectories: the widest nets against epochs of training ({profile} profile)"
    widths = " or ".join(map(str, sorted({grid.widths[0] for grid in shown.values()})))
    caption = f"N = {widths}; {grid_caption(shown)} ι_c: linear up to 0.1, logarithmic above."
    return Figure("figure-trajectories", title, caption, "epochs", "seed", tuple(lines)) if shown else None


def trajectory(activation: str, grid: Grid, quantity: str) -> list[Line]:
    """A line for each layer of one width, over its stages; nets that end untrained are left out of all of them."""
    values = np.concatenate([replace(grid, stage=i).of(quantity) for i in range(len(stages(grid)))])
    labels: dict[str, str | int] = {"quantity": quantity, "activation": activation, "width": grid.widths[0]}
    return layer_lines(labels, stages(grid), replicates(grid), values)


# --- pairs and the lemma ----------------------------------------------------------------------------------------------


def pairs_figure(grids: dict[str, Grid], null: Iterable[Finding], profile: str) -> Figure | None:
    """§4: quantiles over a layer's pairs against the width, layer by layer, with those of the null as a band."""
    shown = {name: grid for name, grid in grids.items() if grid.measurements and np.isfinite(grid.of_pairs()).any()}
    lines = [line for name, grid in shown.items() for line in quantile_lines(name, grid)]
    if not lines:
        return None
    mean, spread = null_of(null)
    within = NormalDist(mean, spread)
    band = Band(within.inv_cdf(PAIR_QUANTILES[0]), mean, within.inv_cdf(PAIR_QUANTILES[-1]), "independent Gaussians")
    title = f"Pairs: information of single pairs against the null ({profile} profile)"
    caption = (
        f"Score ι of each pair of a layer, quantiles over the pairs. {grid_caption(shown)}\n"
        f"Band: 5 to 95 % of the estimates for independent Gaussians, {mean:.3f} ± {spread:.3f}. "
        "Linear up to 0.1, logarithmic above."
    )
    return Figure(
        "figure-pairs", title, caption, "width", "seed", tuple(lines), "layer", "quantile", rows="activation", band=band
    )


def quantile_lines(activation: str, grid: Grid) -> list[Line]:
    """A line for each layer and quantile."""
    values = grid.of_pairs()
    labels: dict[str, str | int] = {"quantity": "pair_score", "epochs": epochs(grid), "activation": activation}
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


def lemma_figure(grids: dict[str, Grid], profile: str) -> Scatter | None:
    """§3, eq. 7: Δι of a layer's pairs against ΔH of its neurons, where there is a stage after the first."""
    shown = {name: grid for name, grid in grids.items() if grid.measurements and len(stages(grid)) > 1}
    points = tuple(point for name, grid in shown.items() for point in points_of(name, grid))
    if not points:
        return None
    title = f"Lemma: information gained against entropy gained ({profile} profile)"
    one = "one net" if len(points) <= MOST_POINTS else "the nets of one width (mean)"
    caption = (
        f"A point: one layer of {one}; strong: after the last epoch, faint: at earlier stages, of every width. "
        f"{nets_of(shown)}.\n"
        "Line: ΔI = ΔH, the bound of eq. 7, below which the points should lie. Linear up to 0.1, logarithmic above."
    )
    return Scatter("figure-information-entropy", title, caption, points)


def points_of(activation: str, grid: Grid) -> Iterable[Point]:
    """The points of all nets that trained and gave both numbers."""
    seeds, before = replicates(grid), replace(grid, stage=0).of("score")
    for stage, count in enumerate(stages(grid)[1:], 1):
        at = replace(grid, stage=stage)
        entropy, information = at.of("entropy_change"), at.of("score") - before
        for i, j, k in np.argwhere(np.isfinite(entropy) & np.isfinite(information)):
            both = float(entropy[i, j, k]), float(information[i, j, k])
            yield Point(activation, grid.widths[i], count, int(k) + 1, seeds[j], *both)


# --- experiments of the estimators (appendix A), from the checks that ran them ----------------------------------------


def entropy_against(parameter: str, checks: Iterable[Finding], profile: str) -> Figure | None:
    """Figures A.1a and A.1b: the entropy of standard Gaussian samples as estimated with each k, or M."""
    line = experiment("entropy estimate", parameter, checks, lambda _: gaussian_entropy())
    panel, name = {"k": ("a", "k"), "m": ("b", "M")}[parameter]
    title = f"Figure A.1{panel}: entropy of a standard Gaussian against {name} ({profile} profile)"
    return experiment_figure(f"figure-a1{panel}-entropy-{parameter}", title, parameter, [line])


def stabilisation_figure(checks: Sequence[Finding], profile: str) -> Figure | None:
    """Figure A.1c: information of Gaussians of very unequal scales, with and without standardising."""
    lines = [
        experiment(name, "rho", [each for each in checks if each.function == name], gaussian_information)
        for name in ("vanilla", "stabilised")
    ]
    title = f"Figure A.1c: information of Gaussians of unequal scales ({profile} profile)"
    return experiment_figure("figure-a1c-stabilisation", title, "rho", lines)


def experiment(name: str, parameter: str, checks: Iterable[Finding], truth: Callable[[float], float]) -> Line:
    """The line of the checks that differ in this one parameter; their values are estimate minus truth."""
    # A check of all places together (the RMSE falls with M) has no place of its own.
    found = [check for check in checks if set(check.parameters) == {parameter} and check.values]
    found.sort(key=lambda check: check.parameters[parameter])
    x: list[Any] = [check.parameters[parameter] for check in found]
    truths = [truth(place) for place in x]
    values = [true + np.array(check.values, dtype=float) for true, check in zip(truths, found, strict=True)]
    regions = [check.check.region for check in found]
    return Line({"estimator": name}, x, range(max(map(len, values), default=0)), values, truths, regions)


def experiment_figure(stem: str, title: str, parameter: str, lines: Iterable[Line]) -> Figure | None:
    measured = tuple(line for line in lines if line.measured)
    counts = sorted({found.n for line in measured for found in line.intervals})
    caption = f"n = {' or '.join(map(str, counts))} experiments a point. Faint: each; strong: mean, 99 % t interval."
    return Figure(stem, title, caption, parameter, "experiment", measured) if measured else None
