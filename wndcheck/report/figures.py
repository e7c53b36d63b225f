"""The contents of the figures of a run: the paper's figures, both readings, trajectories, pairs and the lemma.

A figure is None where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from wndcheck.experiment.gaussian_experiments import gaussian_entropy, gaussian_information
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.record_schema import PAIR_QUANTILES, SAME_IMAGE
from wndcheck.report.figure_model import MOST_POINTS, Band, Figure, Labels, Line, Point, Scatter
from wndcheck.report.stored_nets import Measured
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.run_files import RunError

FORMS = {"": "ensemble, one image each", SAME_IMAGE: "ensemble, the same image"}
DATA_READING = "data"
PAPERS_NULL = (0.012, 0.042)  # §4: mean and standard deviation for independent Gaussians, M = 1000
SCORES = ("score", "corrected_score")
SYMLOG = "linear up to 0.1, logarithmic above."


# --- lines of grids ---------------------------------------------------------------------------------------------------


def has(grid: Grid, *quantities: str) -> bool:
    """Whether any trained net has a number for one of these."""
    return any(np.isfinite(grid.of(quantity)).any() for quantity in quantities)


def epochs(grid: Grid) -> int:
    return grid.epochs[grid.stage]


def labels_of(grid: Grid, quantity: str) -> Labels:
    return {"quantity": quantity, "epochs": epochs(grid), "activation": grid.label}


def layer_lines(grid: Grid, labels: Labels, values: np.ndarray, x: Sequence[float] = ()) -> list[Line]:
    """A line for each layer of values (places, R, layers), the last included; the places are widths by default."""
    return [
        Line(labels | {"layer": layer + 1}, x or grid.widths, grid.seeds, list(values[:, :, layer]))
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
    """``n = 8 nets per width``."""
    counts = sorted({m.replicates for grid in grids for m in grid.measurements})
    return f"n = {' or '.join(map(str, counts))} nets per width"


def grid_caption(grids: Sequence[Grid]) -> str:
    nets, untrained = (sum(grid.untrained[key] for grid in grids) for key in ("nets", "untrained"))
    left_out = f"; {untrained} of {nets} nets did not train and are left out" if untrained else ""
    return f"{nets_of(grids)}. Faint: each net; strong: mean, 99 % t interval{left_out}."


# --- trained nets -----------------------------------------------------------------------------------------------------


def entropy_figure(title: str, grids: Iterable[Grid], scores: Sequence[str] = ()) -> Figure | None:
    """Figures 2, B.1 and B.2: H̄ against the width, after training and before it; with some scores below it."""
    shown = [grid for grid in grids if has(grid, "entropy")]
    if not shown:
        return None
    at_stages = [each for grid in shown for each in ([grid, grid.at_stage(0)] if epochs(grid) > 0 else [grid])]
    lines = grid_lines(at_stages, "entropy") + grid_lines(shown, *scores)
    caption = grid_caption(shown) + (" Dashed: mean before training." if len(at_stages) > len(shown) else "")
    caption += f" Scores: {SYMLOG}" if scores else ""
    return Figure(title, caption, "width", "seed", tuple(lines))


def dependence_figure(grids: Iterable[Grid]) -> Figure | None:
    """Figure 3: ι and ι_c against the width."""
    if not (shown := [grid for grid in grids if has(grid, *SCORES)]):
        return None
    title = "Figure 3: dependence of neurons against width"
    caption = f"{grid_caption(shown)} {SYMLOG.capitalize()}"
    return Figure(title, caption, "width", "seed", tuple(grid_lines(shown, *SCORES)))


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
    return Figure(title, caption, "width", "replicate", tuple(lines), columns="layer", curves="reading")


def trajectory_figure(grids: Iterable[Grid]) -> Figure | None:
    """ι_c and ΔH of the widest nets against the epochs, where there are stages between the first and the last.

    Nets that end untrained are left out at every stage.
    """
    shown = [grid.widest for grid in grids if len(grid.epochs) > 2 and has(grid.widest, "corrected_score")]
    if not shown:
        return None
    lines = []
    for quantity in ("corrected_score", "entropy_change"):
        for grid in shown:
            values = np.concatenate([grid.at_stage(i).of(quantity) for i in range(len(grid.epochs))])
            labels: Labels = {"quantity": quantity, "activation": grid.label, "width": grid.widths[0]}
            lines += layer_lines(grid, labels, values, grid.epochs)
    title = "Trajectories: the widest nets against epochs of training"
    widths = " or ".join(map(str, sorted({grid.widths[0] for grid in shown})))
    caption = f"N = {widths}; {grid_caption(shown)} ι_c: {SYMLOG}"
    return Figure(title, caption, "epochs", "seed", tuple(lines))


def architectures_figure(grids: Mapping[str, Grid]) -> Figure | None:
    """§6: ι_c and ΔH against the width, a column for each architecture; the last layer of each are its logits."""
    shown = {name: grid for name, grid in grids.items() if has(grid, "corrected_score")}
    if not shown.keys() - {"mlp"}:
        return None
    most = max(grid.measurements[0].cell.layers for grid in shown.values())
    lines = []
    for quantity in ("corrected_score", "entropy_change"):
        for name, grid in shown.items():
            labels: Labels = {"quantity": quantity, "epochs": epochs(grid), "architecture": name}
            *hidden, logits = layer_lines(grid, labels, grid.of(quantity))
            lines += [*hidden, replace(logits, labels=labels | {"layer": most})]
    caption = f"{grid_caption([*shown.values()])} ι_c: {SYMLOG}"
    return Figure(ARCHITECTURES, caption, "width", "seed", tuple(lines), columns="architecture")


# --- pairs and the lemma ----------------------------------------------------------------------------------------------


def pairs_figure(grids: Iterable[Grid], null: Iterable[Finding]) -> Figure | None:
    """§4: quantiles over a layer's pairs against the width, layer by layer, with those of the null as a band."""
    shown = [grid for grid in grids if np.isfinite(grid.of("pair_quantiles")).any()]
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
    return Figure(title, caption, "width", "seed", lines, "layer", "quantile", "activation", band)


def quantile_lines(grid: Grid) -> list[Line]:
    """A line for each layer and quantile."""
    values, labels = grid.of("pair_quantiles"), labels_of(grid, "pair_score")
    return [
        Line(
            labels | {"layer": layer + 1, "quantile": f"{100 * quantile:.0f} %"},
            grid.widths,
            grid.seeds,
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
    shown = [grid for grid in grids if len(grid.epochs) > 1]
    points = tuple(point for grid in shown for point in points_of(grid))
    if not points:
        return None
    one = "one net" if len(points) <= MOST_POINTS else "the nets of one width (mean)"
    caption = (
        f"A point: one layer of {one}; strong: after the last epoch, faint: at earlier stages, of every width. "
        f"{nets_of(shown)}.\n"
        f"Line: ΔI = ΔH, the bound of eq. 7, below which the points should be. {SYMLOG.capitalize()}"
    )
    return Scatter("Lemma: information gained against entropy gained", caption, points)


def points_of(grid: Grid) -> Iterable[Point]:
    """The points of all nets that trained and gave both numbers."""
    seeds, before = grid.seeds, grid.at_stage(0).of("score")
    for stage, count in enumerate(grid.epochs[1:], 1):
        at = grid.at_stage(stage)
        entropy, information = at.of("entropy_change"), at.of("score") - before
        for i, j, k in np.argwhere(np.isfinite(entropy) & np.isfinite(information)):
            both = float(entropy[i, j, k]), float(information[i, j, k])
            yield Point(grid.label, grid.widths[i], count, int(k) + 1, seeds[j], *both)


# --- experiments of the estimators (appendix A), from the checks that ran them ----------------------------------------


def bias_figure(title: str, parameter: str, run: Run) -> Figure | None:
    """Figures A.1a and A.1b: the entropy of standard Gaussian samples as estimated with each k, or M."""
    checks = checks_of(run, f"entropy_against_{parameter}")
    return experiment_figure(title, parameter, {"entropy estimate": checks}, lambda _: gaussian_entropy())


def stabilisation_figure(run: Run) -> Figure | None:
    """Figure A.1c: information of Gaussians of very unequal scales, with and without standardising."""
    checks = checks_of(run, "stabilisation")
    estimators = {name: [each for each in checks if each.function == name] for name in ("vanilla", "stabilised")}
    title = "Figure A.1c: information of Gaussians of unequal scales"
    return experiment_figure(title, "rho", estimators, gaussian_information)


def checks_of(run: Run, claim: str) -> Sequence[Finding]:
    return next((each.checks for each in run.claims if each.id == claim), ())


def experiment_figure(
    title: str, parameter: str, checks: Mapping[str, Sequence[Finding]], truth: Callable[[float], float]
) -> Figure | None:
    """A line for each estimator that has been measured."""
    lines = [experiment_line(name, parameter, found, truth) for name, found in checks.items()]
    measured = tuple(line for line in lines if line.measured)
    counts = sorted({found.n for line in measured for found in line.intervals})
    caption = f"n = {' or '.join(map(str, counts))} experiments per point. Faint: each; strong: mean, 99 % t interval."
    return Figure(title, caption, parameter, "experiment", measured) if measured else None


def experiment_line(name: str, parameter: str, checks: Iterable[Finding], truth: Callable[[float], float]) -> Line:
    """The line of the checks that differ in this one parameter; their values are estimate minus truth."""
    # A check of all places together (the RMSE falls with M) has no place of its own.
    found = [check for check in checks if set(check.parameters) == {parameter} and check.values]
    found.sort(key=lambda check: place_of(check, parameter))
    x = [place_of(check, parameter) for check in found]
    truths = [truth(place) for place in x]
    values = [true + np.array(check.values, dtype=float) for true, check in zip(truths, found, strict=True)]
    regions = [check.check.region for check in found]
    return Line({"estimator": name}, x, range(max(map(len, values), default=0)), values, truths, regions)


def place_of(check: Finding, parameter: str) -> float:
    """The parameter of a check as its place in a figure. RunError where it cannot be one."""
    value = check.parameters[parameter]
    low, high = (-1, 1) if parameter == "rho" else (0, 1e9)
    if isinstance(value, str) or not low < value < high:
        raise bad_field(check, f"parameters.{parameter}", value, f"a number between {low} and {high:g}")
    return value


def bad_field(finding: Finding, field: str, found: object, expected: str) -> RunError:
    return RunError(f"{field} of {finding.name} in claim {finding.claim} is {found!r}, expected {expected}")


# --- all of them ------------------------------------------------------------------------------------------------------

ENTROPY = "Figure 2: mean neuron entropy against width"
CIFAR10 = "Figure B.1: entropy and dependence of neurons on CIFAR-10"
CONVNETS = "Figure B.2: entropy of the dense layers of convolutional nets"
ARCHITECTURES = "Architectures beyond the paper's perceptron (mlp): dependence and entropy change against width"
BIAS = "Figure A.1{}: entropy of a standard Gaussian against {}"
FIGURES: dict[str, Callable[[Run, Measured], Figure | Scatter | None]] = {
    "figure-2-entropy": lambda _, m: entropy_figure(ENTROPY, m.trained.values()),
    "figure-3-dependence": lambda _, m: dependence_figure(m.trained.values()),
    "figure-pairs": lambda run, m: pairs_figure(m.trained.values(), checks_of(run, "estimator_null")),
    "figure-information-entropy": lambda _, m: lemma_figure(m.trained.values()),
    "figure-both-readings": lambda _, m: readings_figure(m.data_reading, m.ensembles),
    "figure-trajectories": lambda _, m: trajectory_figure(m.trained.values()),
    "figure-b1-cifar10": lambda _, m: entropy_figure(CIFAR10, filter(None, [m.cifar10]), SCORES),
    "figure-b2-convnets": lambda _, m: entropy_figure(CONVNETS, filter(None, [m.convnets])),
    "figure-architectures": lambda _, m: architectures_figure(m.architectures),
    "figure-a1a-entropy-k": lambda run, _: bias_figure(BIAS.format("a", "k"), "k", run),
    "figure-a1b-entropy-m": lambda run, _: bias_figure(BIAS.format("b", "M"), "m", run),
    "figure-a1c-stabilisation": lambda run, _: stabilisation_figure(run),
}  # by the stems of their files, in the order in which they are shown


def all_figures(run: Run, measured: Measured) -> list[Figure | Scatter]:
    """Every figure that this run has data for."""
    figures = {stem: make(run, measured) for stem, make in FIGURES.items()}
    return [
        replace(figure, stem=stem, title=f"{figure.title} ({run.profile} profile)")
        for stem, figure in figures.items()
        if figure
    ]
