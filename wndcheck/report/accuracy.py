"""How well the nets classify, beside what the paper says of its own (§4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from wndcheck.datasets import specification_of
from wndcheck.experiment.cells import Cell, Training
from wndcheck.experiment.costs import training_images
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import NARROW
from wndcheck.experiment.records import Measurement
from wndcheck.report.markdown import Section, escaped, table
from wndcheck.report.rows import accuracy_cell, count
from wndcheck.report.series import csv_text, interval, number
from wndcheck.verdicts.statistics import Interval

TITLE = "Accuracy beside the paper's"
FILE = "accuracy.csv"
ARRAYS = {"training": "accuracy", "validation": "validation_accuracy"}
# §4, for N > 20: training and validation accuracy; "usually worse" for N < 20. Nothing is said of N = 20, of CIFAR-10
# or of convnets.
PAPER = {"relu": (0.99, 0.95), "tanh": (0.95, 0.92)}
EPOCHS, LEARNING_RATE = 300, 0.001  # §4
NAMES = {"relu": "ReLU", "tanh": "tanh"}


def accuracy_section(groups: Sequence[Grid], profile: str) -> Section | None:
    """A table for each group of nets, their widths side by side."""
    measured = [m for grid in groups for m in grid.measurements if np.isfinite(m["accuracy"]).any()]
    if not measured:
        return None
    intro = (
        "Mean accuracies after the last epoch, with 99 % t intervals over nets, trained or not. Paper, §4: with N > 20 "
        "ReLU nets reach > 99 % on training and > 95 % on validation images, tanh nets > 95 % and > 92 %; with N < 20 "
        f"they are usually worse, taken here as below the same numbers. Every net at every stage: {FILE}."
    )
    tables = [part for grid in groups for part in group_parts(grid, profile)]
    return Section(TITLE, [escaped(intro), *tables], {FILE: accuracy_csv(measured)})


def group_parts(grid: Grid, profile: str) -> list[str]:
    cell = grid.measurements[0].cell
    head = ("N", "ensembles" if cell.ensembles else "nets", "training", "validation", "paper", "so here")
    rows = [accuracy_row(measurement) for measurement in grid.measurements]
    words = [group_words(cell, profile), *([ensemble_words(cell)] if cell.ensembles else [])]
    return [f"### {escaped(group_name(cell))}", escaped(" ".join(words)), table(head, rows)]


def group_name(cell: Cell) -> str:
    kind = {"mlp": "perceptrons", "ensemble": "ensembles of perceptrons", "convnet": "convnets"}[cell.kind]
    return f"{NAMES[cell.activation]} {kind} on {cell.dataset}"


def recipe(cell: Cell) -> str:
    """``12 epochs at rate 0.1 in batches of 64 on 10,000 images``."""
    assert isinstance(cell.protocol, Training)
    training = cell.protocol
    epochs = f"{training.stages[-1]} epoch{'s' * (training.stages[-1] > 1)}"
    steps = f"at rate {training.learning_rate:g} in batches of {training.batch_size}"
    return f"{epochs} {steps} on {training_images(cell):,} images"


def group_words(cell: Cell, profile: str) -> str:
    """The recipe, and whether the paper's numbers were reached by the same."""
    if not has_paper(cell):
        return f"Trained for {recipe(cell)}. The paper gives no accuracies for these."
    images = sum(specification_of("mnist").train_counts)
    training = cell.protocol
    assert isinstance(training, Training)
    if (training.stages[-1], training.learning_rate, training_images(cell)) == (EPOCHS, LEARNING_RATE, images):
        return f"The paper's recipe, which leaves the batches unsaid: {recipe(cell)}."
    return (
        f"The {profile} profile has another recipe for these than the paper: {recipe(cell)}, not {EPOCHS} epochs at "
        f"rate {LEARNING_RATE:g} on {images:,}. The last column says how well these nets are trained, and nothing of "
        "the paper's."
    )


def ensemble_words(cell: Cell) -> str:
    probe = 10 * cell.probe.images_per_class
    return (
        f"An ensemble's accuracy is the mean over its {cell.nets_per_ensemble} nets, on the probe's {probe:,} training "
        "images and as many validation images, but for those that diverged; with too many of these it has none."
    )


def has_paper(cell: Cell) -> bool:
    return cell.dataset in ("mnist", "mnist-subset") and cell.architecture == "mlp"


def accuracy_row(measurement: Measurement) -> list[str]:
    cell = measurement.cell
    last = [measurement[name][-1] for name in ARRAYS.values()]
    words = paper_words(cell, [interval(values) for values in last]) if has_paper(cell) else ("", "")
    return [str(cell.width), count(measurement), *map(accuracy_cell, last), *words]


def paper_words(cell: Cell, found: Sequence[Interval]) -> tuple[str, str]:
    """What the paper says of nets of this width, and whether it is so of these."""
    bars = PAPER[cell.activation]
    if cell.width == NARROW:
        return "", ""
    if cell.width > NARROW:
        return ", ".join(f"\\> {bar:.0%}".replace("%", " %") for bar in bars), together(map(above, found, bars))
    return "usually worse", together(opposite(above(*each)) for each in zip(found, bars, strict=True))


def above(found: Interval, bar: float) -> str:
    """Does the whole interval lie above the bar?"""
    if found.low > bar:
        return "yes"
    return "no" if found.high <= bar else "undecided"


def opposite(answer: str) -> str:
    return {"yes": "no", "no": "yes"}.get(answer, answer)


def together(answers: Iterable[str]) -> str:
    """One word where training and validation agree, else both."""
    training, validation = answers
    return training if training == validation else f"training {training}, validation {validation}"


def accuracy_csv(measured: Iterable[Measurement]) -> str:
    """A row for each net at each stage; of an ensemble, its first net's seed, and how many nets it has."""
    head = ("dataset", "architecture", "activation", "width", "stage", "replicate", "nets", *ARRAYS)
    return csv_text(head, (row for measurement in measured for row in accuracy_rows(measurement)))


def accuracy_rows(measurement: Measurement) -> Iterable[list[object]]:
    cell = measurement.cell
    size = cell.nets_per_ensemble if cell.ensembles else 1
    for i, stage in enumerate(cell.protocol.stages):
        for j, seed in enumerate(cell.seeds[::size]):
            values = [number(measurement[name][i, j]) for name in ARRAYS.values()]
            yield [cell.dataset, cell.architecture, cell.activation, cell.width, stage, seed, size, *values]
