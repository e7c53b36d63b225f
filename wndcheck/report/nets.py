"""What the figures of trained nets show: the paper's two, both readings side by side, and trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.records import SAME_IMAGE
from wndcheck.report.series import Figure, Line

FORMS = {"": "ensemble, one image each", SAME_IMAGE: "ensemble, the same image"}
DATA_READING = "data"


def entropy_figure(grids: dict[str, Grid], profile: str) -> Figure | None:
    """Figure 2: H̄ against the width, after training and at the start."""
    shown = {name: grid for name, grid in grids.items() if has(grid, "entropy")}
    lines = [line for name, grid in shown.items() for line in entropy_lines(name, grid)]
    title = f"Figure 2: mean neuron entropy against width ({profile} profile)"
    return Figure("figure-2-entropy", title, entropy_caption(shown), "width", "seed", tuple(lines)) if shown else None


def entropy_lines(activation: str, grid: Grid) -> list[Line]:
    """H̄ after training, and before it."""
    trained = grid_lines(activation, grid, "entropy")
    return trained + (grid_lines(activation, replace(grid, stage=0), "entropy") if epochs(grid) > 0 else [])


def entropy_caption(shown: dict[str, Grid]) -> str:
    before = " Dashed: mean before training." if any(epochs(grid) > 0 for grid in shown.values()) else ""
    return grid_caption(shown) + before


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
    labels: dict[str, str | int] = {"quantity": quantity, "epochs": epochs(grid), "activation": activation}
    return layer_lines(labels, grid.widths, grid.measurements[0].cell.seeds, grid.of(quantity))


def layer_lines(
    labels: dict[str, str | int], x: Sequence[float], replicates: Sequence[int], values: np.ndarray
) -> list[Line]:
    """A line for each layer of values (places, R, layers)."""
    return [
        Line(labels | {"layer": layer + 1}, x, replicates, list(values[:, :, layer]))
        for layer in range(values.shape[2])
    ]


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
    name = "corrected_score"
    lines = []
    if data and has(data, name):
        at = replace(data, stage=stage)
        lines += layer_lines(reading_labels(DATA_READING, at), at.widths, at.measurements[0].cell.seeds, at.of(name))
    at = replace(ensembles, stage=stage)
    for form, reading in FORMS.items():
        lines += layer_lines(reading_labels(reading, at), at.widths, replicates(at), at.of(form + name))
    return lines


def reading_labels(reading: str, grid: Grid) -> dict[str, str | int]:
    return {"quantity": "corrected_score", "reading": reading, "epochs": epochs(grid)}


def replicates(grid: Grid) -> Sequence[int]:
    """The seed of each net, or the first seed of each ensemble."""
    cell = grid.measurements[0].cell
    return cell.seeds[:: cell.nets_per_ensemble] if cell.ensembles else cell.seeds


def trajectory_figure(grids: dict[str, Grid], profile: str) -> Figure | None:
    """ι_c and ΔH of the widest nets against the epochs, where more is known than the beginning and the end."""
    widest = {name: grid.at(grid.widths[-1]) for name, grid in grids.items() if grid.measurements}
    shown = {name: grid for name, grid in widest.items() if len(stages(grid)) > 2 and has(grid, "corrected_score")}
    lines = [
        line
        for quantity in ("corrected_score", "entropy_change")
        for name, grid in shown.items()
        for line in trajectory(name, grid, quantity)
    ]
    title = f"Trajectories: the widest nets against epochs of training ({profile} profile)"
    widths = " or ".join(map(str, sorted({grid.widths[0] for grid in shown.values()})))
    caption = f"N = {widths}; {grid_caption(shown)} ι_c: linear up to 0.1, logarithmic above."
    return Figure("figure-trajectories", title, caption, "epochs", "seed", tuple(lines)) if shown else None


def trajectory(activation: str, grid: Grid, quantity: str) -> list[Line]:
    """A line for each layer of one width, over its stages; nets that end untrained are left out of all of them."""
    values = np.concatenate([replace(grid, stage=i).of(quantity) for i in range(len(stages(grid)))])
    labels: dict[str, str | int] = {"quantity": quantity, "activation": activation, "width": grid.widths[0]}
    return layer_lines(labels, stages(grid), grid.measurements[0].cell.seeds, values)


def stages(grid: Grid) -> tuple[int, ...]:
    return grid.measurements[0].cell.protocol.stages
