"""The tables of a report: accuracies, both readings, and what the paper leaves unspecified."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import isfinite, log2

import numpy as np

from wndcheck.datasets import specification_of
from wndcheck.experiment.cells import Cell, Training
from wndcheck.experiment.costs import training_images
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import NARROW
from wndcheck.experiment.record_schema import Measurement
from wndcheck.report.cost import cost_section
from wndcheck.report.figure_model import columns, csv_text, interval
from wndcheck.report.figures import DATA_READING, FORMS, has
from wndcheck.report.format import Strong, count_of, format_accuracy, format_interval, layer_name
from wndcheck.report.section_model import Section, Table, measure_command
from wndcheck.report.stored_nets import Measured
from wndcheck.verdicts.run import Run
from wndcheck.verdicts.statistics import Interval

ACCURACY = "Accuracy next to the paper's"
READINGS = "Both readings side by side"
SENSITIVITY = "What the paper leaves unspecified"
FILES = ("accuracy.csv", "sensitivity.csv")
ARRAYS = {"training": "accuracy", "validation": "validation_accuracy"}
# §4, for N > 20: training and validation accuracy; "usually worse" for N < 20, nothing for N = 20 and CIFAR-10.
PAPER = {"relu": (0.99, 0.95), "tanh": (0.95, 0.92)}
EPOCHS, LEARNING_RATE = 300, 0.001  # §4
NAMES = {"relu": "ReLU", "tanh": "tanh"}
KINDS = {
    "mlp": "perceptrons",
    "ensemble": "ensembles of perceptrons",
    "convnet": "convnets",
    "batch-norm": "perceptrons with batch norm",
    "layer-norm": "perceptrons with layer norm",
    "residual": "residual perceptrons",
    "adam": "perceptrons trained with Adam",
    "mup": "perceptrons in the μ parametrisation",
    "transformer": "transformers",
}
QUANTITIES = {"corrected_score": "ι_c", "entropy_change": "ΔH"}


def all_sections(run: Run, measured: Measured) -> list[Section]:
    """Every section that this run has data for."""
    sections = [
        accuracy_section(measured.groups, run.profile),
        readings_section(measured.data_reading, measured.ensembles),
        sensitivity_section(measured.sensitivity, run.profile, run.base_seed),
        cost_section(measured.parts, run.profile, run.base_seed),
    ]
    return [section for section in sections if section]


# --- cells ------------------------------------------------------------------------------------------------------------


def layer_head(layers: int) -> list[str]:
    return [layer_name(layer + 1, layers) for layer in range(layers)]


def layer_cells(values: np.ndarray, replicates: int, bold: bool = False) -> list[str]:
    """The mean of each layer of (R, layers), with the number of its replicates where that is not the row's.

    `bold` marks means whose interval does not include 0.
    """
    cells = []
    for found in map(interval, values.T):
        text = format_interval(found) + (f" (n = {found.n})" if found.n != replicates else "")
        excludes_zero = isfinite(found.low) and not found.low <= 0 <= found.high
        cells.append(Strong(text) if bold and excludes_zero else text)
    return cells


def known(measurement: Measurement) -> int:
    """The number of nets, or ensembles, that have not diverged: those with an accuracy at the last stage."""
    return int(np.isfinite(measurement["accuracy"][-1]).sum())


def count(measurement: Measurement) -> str:
    """``8``, or ``5 (3 diverged)``."""
    whole, left = measurement.cell.replicates, known(measurement)
    return f"{left} ({whole - left} diverged)" if left < whole else str(whole)


def last_accuracy(measurement: Measurement) -> str:
    return format_accuracy(interval(measurement["accuracy"][-1]))


# --- accuracy next to the paper's (§4) --------------------------------------------------------------------------------


def accuracy_section(groups: Sequence[Grid], profile: str) -> Section | None:
    """A table for each group of nets."""
    measured = [m for grid in groups for m in grid.measurements if np.isfinite(m["accuracy"]).any()]
    if not measured:
        return None
    text = (
        "Mean accuracies after the last epoch, with 99 % t intervals over nets, trained or not. Paper, §4: with N > 20 "
        "ReLU nets reach > 99 % on training and > 95 % on validation images, tanh nets > 95 % and > 92 %; with N < 20 "
        f"they are usually worse, taken here as below the same numbers. Every net at every stage: {FILES[0]}."
    )
    tables = [accuracy_table(grid, profile) for grid in groups]
    return Section(ACCURACY, text, tables, {FILES[0]: accuracy_csv(measured)})


def accuracy_table(grid: Grid, profile: str) -> Table:
    cell = grid.measurements[0].cell
    head = ("N", "ensembles" if cell.ensembles else "nets", "training", "validation", "paper", "same here?")
    title = f"{NAMES[cell.activation]} {KINDS[cell.kind]} on {cell.dataset}"
    rows = []
    for measurement in grid.measurements:
        found = [interval(measurement[name][-1]) for name in ARRAYS.values()]
        paper = compare_with_paper(measurement.cell, found) if has_paper(cell) else ("", "")
        rows.append([str(measurement.cell.width), count(measurement), *map(format_accuracy, found), *paper])
    return Table(head, rows, title, describe_recipe(cell, profile) + describe_ensemble(cell))


def recipe(cell: Cell) -> str:
    """``12 epochs at rate 0.1 in batches of 64 on 10,000 images``."""
    assert isinstance(cell.protocol, Training)
    training = cell.protocol
    steps = f"at rate {training.learning_rate:g} in batches of {training.batch_size}"
    return f"{count_of(training.stages[-1], 'epoch')} {steps} on {training_images(cell):,} images"


def describe_recipe(cell: Cell, profile: str) -> str:
    """Describe the recipe, and how it differs from the paper's."""
    if not has_paper(cell):
        return f"Trained for {recipe(cell)}. The paper gives no accuracies for these."
    images = sum(specification_of("mnist").train_counts)
    training = cell.protocol
    assert isinstance(training, Training)
    if (training.stages[-1], training.learning_rate, training_images(cell)) == (EPOCHS, LEARNING_RATE, images):
        return f"The paper's recipe, which leaves the batch size unspecified: {recipe(cell)}."
    return (
        f"The {profile} profile trains these for {recipe(cell)}; the paper for {EPOCHS} epochs at rate "
        f"{LEARNING_RATE:g} on {images:,}. The last column shows how well these nets are trained, and nothing about "
        "the paper's."
    )


def describe_ensemble(cell: Cell) -> str:
    if not cell.ensembles:
        return ""
    return (
        f" An ensemble's accuracy is the mean over its {cell.nets_per_ensemble} nets, without those that diverged, on "
        f"the probe's {10 * cell.probe.images_per_class:,} training images and as many validation images; with too "
        "many diverged nets it has none."
    )


def has_paper(cell: Cell) -> bool:
    return cell.dataset in ("mnist", "mnist-subset") and cell.architecture == "mlp"


def compare_with_paper(cell: Cell, found: Sequence[Interval]) -> tuple[str, str]:
    """The paper's training and validation accuracy of nets of this width, and whether these nets have the same."""
    if cell.width == NARROW:
        return "", ""
    bars = PAPER[cell.activation]
    above, below = ("yes", "no") if cell.width > NARROW else ("no", "yes")
    training, validation = (
        above if at.low > bar else below if at.high <= bar else "inconclusive"
        for at, bar in zip(found, bars, strict=True)
    )
    paper = ", ".join(f"> {100 * bar:.0f} %" for bar in bars) if cell.width > NARROW else "usually worse"
    return paper, training if training == validation else f"training {training}, validation {validation}"


def accuracy_csv(measured: Iterable[Measurement]) -> str:
    """A row for each net at each stage; of an ensemble, its first net's seed, and how many nets it has."""
    rows = []
    for measurement in measured:
        cell = measurement.cell
        size = cell.nets_per_ensemble if cell.ensembles else 1
        names = cell.dataset, cell.architecture, cell.activation, cell.width
        for i, stage in enumerate(cell.protocol.stages):
            for j, seed in enumerate(cell.seeds[::size]):
                rows.append([*names, stage, seed, size, *(measurement[name][i, j] for name in ARRAYS.values())])
    head = ("dataset", "architecture", "activation", "width", "stage", "replicate", "nets", *ARRAYS)
    return csv_text(head, rows)


# --- both readings ----------------------------------------------------------------------------------------------------


def readings_section(data: Grid | None, ensembles: Grid | None) -> Section | None:
    """ι_c after training: ensembles of every width, and the data reading at the widths nearest to these."""
    if not ensembles:
        return None
    cell = ensembles.measurements[0].cell
    data = data if data and has(data, "corrected_score") else None
    head = ("reading", "N", "replicates", "training accuracy", *layer_head(cell.layers))
    shown = [(DATA_READING, "", data.at(width)) for width in nearest(data.widths, ensembles.widths)] if data else []
    shown += [(name, form, ensembles.at(width)) for form, name in FORMS.items() for width in ensembles.widths]
    text = describe_readings(cell, data.measurements[0].cell if data else cell)
    return Section(READINGS, text, [Table(head, [reading_row(*each) for each in shown])])


def describe_readings(ensemble: Cell, net: Cell) -> str:
    """Describe the readings, and how their recipes differ."""
    others = ""
    if recipe(net) != recipe(ensemble):
        others = f", the nets of the data reading for {recipe(net)}: part of a difference can come from that"
    return (
        "Corrected score ι_c (nats) after training, means with 99 % t intervals over replicates. Data reading: the "
        f"samples are {10 * ensemble.probe.images_per_class} images, a replicate is a net. Ensemble reading: the "
        f"samples are {ensemble.nets_per_ensemble} nets, each shown an image of its own, or all of them the same; a "
        f"replicate is an ensemble. Ensembles were trained for {recipe(ensemble)}{others}. Replicates that did not "
        "train are left out. No estimate: none is left, or neurons are constant, tied or a point mass (of a ReLU net "
        "with a dead layer, the next gives exactly 0)."
    )


def nearest(widths: Iterable[int], others: Iterable[int]) -> list[int]:
    """For each of the other widths the one nearest to it in doublings; every width once."""
    widths = list(widths)
    return sorted({min(widths, key=lambda width: abs(log2(width / other))) for other in others})


def reading_row(reading: str, form: str, grid: Grid) -> list[str]:
    """One width's row; nets and ensembles that did not train are left out, as in the figures."""
    (measurement,), untrained = grid.measurements, grid.untrained["untrained"]
    trained = measurement.cell.replicates - untrained
    replicates = f"{trained} ({untrained} untrained)" if untrained else str(trained)
    layers = layer_cells(grid.of(form + "corrected_score")[0], trained)
    return [reading, str(measurement.cell.width), replicates, last_accuracy(measurement), *layers]


# --- what the paper leaves unspecified --------------------------------------------------------------------------------


def paired(usual: Measurement, varied: Measurement, quantity: str) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The seeds that both have, in the order of the first, and the last stage of their nets: (nets, layers) each."""
    seeds = [seed for seed in usual.cell.seeds if seed in varied.cell.seeds]
    values = [m[quantity][-1, [m.cell.seeds.index(seed) for seed in seeds]] for m in (usual, varied)]
    return seeds, values[0], values[1]


def sensitivity_section(measured: dict[str, Measurement | None], profile: str, base_seed: int) -> Section | None:
    """Changes against the first of the measurements, the profile's own, and the command that measures missing ones."""
    if not measured:
        return None
    usual, *others = measured.values()
    variations = {name: found for name, found in measured.items() if found and found is not usual}
    parts = ["mlp"] * (usual is None) + ["sensitivity"] * (None in others)
    missing = "Not all of the other choices have been measured. To measure them:" if parts else ""
    command = measure_command(profile, base_seed, parts) if parts else ""
    if not usual or not variations:
        return Section(SENSITIVITY, missing=missing, command=command)
    cell = usual.cell
    text = (
        f"{len(cell.seeds)} {cell.activation} nets of N = {cell.width} on {cell.dataset}, trained again with other "
        "choices where the paper leaves them open. First row: the profile's own; below it: change against that, net by "
        "net (same seed), after the last epoch. Means with 99 % t intervals over nets, trained or not, without those "
        f"that diverged. Bold: the interval does not include 0. All numbers: {FILES[1]}."
    )
    tables = [change_table(next(iter(measured)), usual, variations, quantity) for quantity in QUANTITIES]
    return Section(SENSITIVITY, text, tables, {FILES[1]: sensitivity_csv(usual, variations)}, missing, command)


def change_table(name: str, usual: Measurement, variations: dict[str, Measurement], quantity: str) -> Table:
    head = ["", "nets", "training accuracy", *layer_head(usual.cell.layers)]
    rows = [[name, count(usual), last_accuracy(usual), *layer_cells(usual[quantity][-1], known(usual))]]
    for other, varied in variations.items():
        _, before, after = paired(usual, varied, quantity)
        cells = layer_cells(after - before, known(varied), bold=True)
        rows.append([other, count(varied), last_accuracy(varied), *cells])
    return Table(head, rows, f"Change of {QUANTITIES[quantity]} (nats)")


def sensitivity_csv(usual: Measurement, variations: dict[str, Measurement]) -> str:
    """A row for each variation, quantity, layer and net, with the mean change and its interval over the nets."""
    rows = []
    for (name, varied), quantity in product(variations.items(), QUANTITIES):
        accuracies = [dict(zip(m.cell.seeds, m["accuracy"][-1], strict=True)) for m in (usual, varied)]
        seeds, before, after = paired(usual, varied, quantity)
        for layer in range(usual.cell.layers):
            mean = columns(interval((after - before)[:, layer]))
            for i, seed in enumerate(seeds):
                values = before[i, layer], after[i, layer], after[i, layer] - before[i, layer]
                rows.append([name, quantity, layer + 1, seed, *values, *mean, *(each[seed] for each in accuracies)])
    fields = ("usual", "varied", "change", "mean", "low", "high", "n", "usual_training", "training")
    return csv_text(("variation", "quantity", "layer", "seed", *fields), rows)
