"""Accuracies beside the paper's: what is said of them, every net's in the CSV, and the cells of all tables."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from wndcheck.experiment.cells import Cell, Training
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import FULL, QUICK
from wndcheck.experiment.records import Measurement
from wndcheck.report.format import format_accuracy
from wndcheck.report.series import interval
from wndcheck.report.tables import Strong, accuracy_section, beside_paper, layer_cells
from wndcheck.tests.report.reported import (
    WHOLE,
    cifar10,
    convnets,
    ensemble,
    made,
    measured,
    read,
    rows,
    trained,
    with_arrays,
)
from wndcheck.verdicts.statistics import Interval


def nets(width: int, training: list[float], validation: list[float], activation: str = "relu") -> Measurement:
    made_up = made(trained(activation, width))
    arrays = {"accuracy": training, "validation_accuracy": validation}
    last = {name: np.stack([0 * np.array(values)] * 2 + [np.array(values)]) for name, values in arrays.items()}
    return with_arrays(made_up, **last)


def test_accuracies_stand_beside_the_papers() -> None:
    measurements = (
        nets(10, [0.5, 0.52] * 4, [0.4] * 8),
        nets(20, [0.9] * 8, [0.8] * 8),
        # Student's t of 7 degrees of freedom is 3.4995 at .995: 1.2374 standard deviations of eight values. Those of
        # .95 and .97, four times each, have .010690, so the half width is .01323.
        nets(50, [0.95, 0.97] * 4, [0.94, 0.96] * 4),
        nets(100, [1.0] * 8, [0.96] * 8),
        nets(200, [0.5] * 3 + [nan] * 5, [0.96] * 3 + [nan] * 5),
    )
    section = accuracy_section([Grid(measurements, WHOLE)], "quick")
    assert rows(section) == {
        "10": ["8", "51.0 % [49.7, 52.3]", "40.00 % [40.00, 40.00]", "usually worse", "yes"],
        "20": ["8", "90.00 % [90.00, 90.00]", "80.00 % [80.00, 80.00]", "", ""],
        "50": [
            "8",
            "96.0 % [94.7, 97.3]",
            "95.0 % [93.7, 96.3]",
            "> 99 %, > 95 %",
            "training no, validation undecided",
        ],
        "100": ["8", "100.00 % [100.00, 100.00]", "96.00 % [96.00, 96.00]", "> 99 %, > 95 %", "yes"],
        "200": [
            "3 (5 diverged)",
            "50.00 % [50.00, 50.00]",
            "96.00 % [96.00, 96.00]",
            "> 99 %, > 95 %",
            "training no, validation yes",
        ],
    }


def sure(value: float) -> Interval:
    return Interval(value, value - 0.001, value + 0.001, 8, 0.99)


@pytest.mark.parametrize(
    ("activation", "width", "training", "validation", "words"),
    [
        ("tanh", 50, 0.96, 0.93, ("> 95 %, > 92 %", "yes")),
        ("relu", 50, 0.96, 0.93, ("> 99 %, > 95 %", "no")),
        ("tanh", 21, 0.95, 0.92, ("> 95 %, > 92 %", "undecided")),
        ("tanh", 20, 0.96, 0.93, ("", "")),
        ("tanh", 19, 0.96, 0.93, ("usually worse", "no")),
        ("tanh", 19, 0.95, 0.91, ("usually worse", "training undecided, validation yes")),
    ],
)
def test_words_about_the_paper(
    activation: str, width: int, training: float, validation: float, words: tuple[str, str]
) -> None:
    assert beside_paper(trained(activation, width, QUICK), [sure(training), sure(validation)]) == words


def test_one_net_alone_leaves_the_papers_numbers_undecided() -> None:
    alone = [Interval(1.0, nan, nan, 1, 0.99)] * 2
    assert beside_paper(trained("relu", 50, QUICK), alone)[1] == "undecided"


def test_recipes_are_told_apart() -> None:
    def words(cell: Cell) -> str:
        section = accuracy_section([Grid((made(cell),), FULL)], "full")
        assert section
        return section.tables[0].words

    papers = trained("relu", 50, FULL)
    assert words(papers).startswith("The paper's recipe, which leaves the batch size unspecified: 300 epochs")
    another = words(trained("relu", 50, QUICK))
    assert "for 12 epochs at rate 0.1 in batches of 64 on 10,000 images; the paper for 300 epochs" in another
    assert "300 epochs at rate 0.001 on 60,000." in another
    slower = replace(papers, protocol=Training(0.001, 32, (0, 299)))
    assert "the paper for 300 epochs" in words(slower)
    assert "The paper gives no accuracies" in words(cifar10(FULL)[0])
    assert "The paper gives no accuracies" in words(convnets(FULL)[0])
    assert "the mean over its 500 nets, without those that diverged, on the probe's 1,000" in words(ensemble(8, FULL))


def test_every_group_has_its_table() -> None:
    section = accuracy_section(measured().groups, "quick")
    assert section
    assert [table.title for table in section.tables] == [
        "ReLU perceptrons on mnist-subset",
        "tanh perceptrons on mnist-subset",
        "ReLU perceptrons on cifar10-subset",
        "ReLU convnets on cifar10",
        "ReLU ensembles of perceptrons on mnist-subset",
    ]


def test_csv_of_accuracies_holds_every_net_at_every_stage() -> None:
    whole = measured()
    section = accuracy_section(whole.groups, "quick")
    assert section
    found = read(section.files["accuracy.csv"])
    cells = {
        (c.dataset, c.architecture, c.activation, str(c.width), str(max(c.ensembles and c.nets_per_ensemble, 1))): m
        for grid in whole.groups
        for m in grid.measurements
        for c in [m.cell]
    }
    assert len(found) == sum(m["accuracy"].size for m in cells.values())
    for row in found:
        source = cells[row["dataset"], row["architecture"], row["activation"], row["width"], row["nets"]]
        stage = source.cell.protocol.stages.index(int(row["stage"]))
        place = source.cell.seeds.index(int(row["replicate"])) // int(row["nets"])
        assert float(row["training"]) == source["accuracy"][stage, place]
        assert float(row["validation"]) == source["validation_accuracy"][stage, place]


def test_without_accuracies_there_is_no_such_section() -> None:
    untold = Grid((made(trained("relu", 5, QUICK), accuracy=nan),), QUICK)
    assert accuracy_section([], "quick") is None
    assert accuracy_section([untold], "quick") is None


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.95, 0.97] * 4, "96.0 % [94.7, 97.3]"),
        ([0.9999, 1.0] * 4, "100.00 % [99.99, 100.00]"),
        ([0.99, 1.0] * 4, "99.5 % [98.8, 100.0]"),  # 100.2 %, cut
        ([0.95, nan], "95.0 %"),
        ([nan, nan], "no estimate"),
    ],
)
def test_accuracies_in_words(values: list[float], text: str) -> None:
    assert format_accuracy(interval(values)) == text


@pytest.mark.parametrize(
    ("values", "replicates", "text"),
    [
        ([0.5, 0.5], 2, Strong("0.500 [0.500, 0.500]")),
        ([0.5, -0.5], 2, "0.000 [-31.828, 31.828]"),  # t of one degree of freedom, 63.657, by .5
        ([0.5, nan], 1, "0.500"),
        ([0.5, nan], 2, "0.500 (n = 1)"),
        ([nan, nan], 0, "no estimate"),
    ],
)
def test_cells_of_layers(values: list[float], replicates: int, text: str) -> None:
    (cell,) = layer_cells(np.array([values]).T, replicates, bold=True)
    assert (cell, type(cell)) == (text, type(text))
