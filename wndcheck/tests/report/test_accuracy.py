"""The table of accuracies next to the paper's, its CSV, and the cells of all tables."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import pytest

from wndcheck.experiment.cells import Cell, Training
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.profiles import FULL, QUICK
from wndcheck.experiment.record_schema import Measurement
from wndcheck.report.figure_model import interval
from wndcheck.report.format import Strong, format_accuracy
from wndcheck.report.stored_nets import Measured
from wndcheck.report.tables import ACCURACY, compare_with_paper, layer_cells
from wndcheck.tests.report.example_results import (
    ensemble,
    grid,
    make_measurement,
    measured,
    read,
    rows,
    sections,
    trained,
    with_arrays,
)
from wndcheck.verdicts.statistics import Interval


def section_of(*measurements: Measurement, profile: str = "quick") -> Any:
    return sections(Measured(trained={"relu": grid(*measurements)}), profile)[ACCURACY]


def nets(width: int, training: list[float], validation: list[float]) -> Measurement:
    arrays = {"accuracy": training, "validation_accuracy": validation}
    last = {name: np.stack([0 * np.array(values)] * 2 + [np.array(values)]) for name, values in arrays.items()}
    return with_arrays(make_measurement(trained("relu", width)), **last)


def test_each_width_has_its_accuracies_and_the_papers() -> None:
    section = section_of(
        nets(10, [0.5, 0.52] * 4, [0.4] * 8),
        nets(20, [0.9] * 8, [0.8] * 8),
        # Student's t of 7 degrees of freedom is 3.4995 at .995: 1.2374 standard deviations of eight values. Those of
        # .95 and .97, four times each, have .010690, so the half width is .01323.
        nets(50, [0.95, 0.97] * 4, [0.94, 0.96] * 4),
        nets(100, [1.0] * 8, [0.96] * 8),
        nets(200, [0.5] * 3 + [nan] * 5, [0.96] * 3 + [nan] * 5),
    )
    papers = "> 99 %, > 95 %"
    low, middle, high = "50.00 % [50.00, 50.00]", "96.0 % [94.7, 97.3]", "100.00 % [100.00, 100.00]"
    assert rows(section) == {
        "10": ["8", "51.0 % [49.7, 52.3]", "40.00 % [40.00, 40.00]", "usually worse", "yes"],
        "20": ["8", "90.00 % [90.00, 90.00]", "80.00 % [80.00, 80.00]", "", ""],
        "50": ["8", middle, "95.0 % [93.7, 96.3]", papers, "training no, validation inconclusive"],
        "100": ["8", high, "96.00 % [96.00, 96.00]", papers, "yes"],
        "200": ["3 (5 diverged)", low, "96.00 % [96.00, 96.00]", papers, "training no, validation yes"],
    }


@pytest.mark.parametrize(
    ("activation", "width", "training", "validation", "words"),
    [
        ("tanh", 50, 0.96, 0.93, ("> 95 %, > 92 %", "yes")),
        ("relu", 50, 0.96, 0.93, ("> 99 %, > 95 %", "no")),
        ("tanh", 21, 0.95, 0.92, ("> 95 %, > 92 %", "inconclusive")),
        ("tanh", 20, 0.96, 0.93, ("", "")),
        ("tanh", 19, 0.96, 0.93, ("usually worse", "no")),
        ("tanh", 19, 0.95, 0.91, ("usually worse", "training inconclusive, validation yes")),
    ],
)
def test_comparison_with_the_paper(
    activation: str, width: int, training: float, validation: float, words: tuple[str, str]
) -> None:
    found = [Interval(x, x - 0.001, x + 0.001, 8, 0.99) for x in (training, validation)]
    assert compare_with_paper(trained(activation, width), found) == words


def test_only_one_net_is_inconclusive() -> None:
    single = [Interval(1.0, nan, nan, 1, 0.99)] * 2
    assert compare_with_paper(trained("relu", 50), single)[1] == "inconclusive"


PAPERS = trained("relu", 50, FULL)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (PAPERS, "The paper's recipe, which leaves the batch size unspecified: 300 epochs"),
        (
            trained("relu", 50, QUICK),
            "for 10 epochs at rate 0.02 in batches of 32 on 10,000 images; the paper for 300 epochs at rate 0.001 on "
            "60,000.",
        ),
        (replace(PAPERS, protocol=Training(0.001, 32, (0, 299))), "the paper for 300 epochs"),
        (cells_of(["cifar10"], FULL, 0)[0], "The paper gives no accuracies"),
        (cells_of(["convnets"], FULL, 0)[0], "The paper gives no accuracies"),
        (ensemble(8, FULL), ". An ensemble's accuracy is the mean over its 500 nets, without those that diverged, on "),
        (ensemble(8, FULL), "on the probe's 1,000 training images"),
    ],
)
def test_the_recipe_is_compared_with_the_papers(cell: Cell, words: str) -> None:
    assert words in section_of(make_measurement(cell), profile="full").tables[0].text


def test_csv_holds_every_net_of_every_group_at_every_stage() -> None:
    whole = measured()
    section = sections(whole)[ACCURACY]
    assert [table.title for table in section.tables] == [
        "ReLU perceptrons on mnist-subset",
        "tanh perceptrons on mnist-subset",
        "ReLU perceptrons on cifar10-subset",
        "ReLU convnets on cifar10",
        "ReLU ensembles of perceptrons on mnist-subset",
        "ReLU perceptrons with batch norm on mnist-subset",
        "ReLU perceptrons in the μ parametrisation on mnist-subset",
    ]
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
    unknown = grid(make_measurement(trained("relu", 5), accuracy=nan))
    assert sections(Measured()) == sections(Measured(trained={"relu": unknown})) == {}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.95, 0.97] * 4, "96.0 % [94.7, 97.3]"),
        ([0.9999, 1.0] * 4, "100.00 % [99.99, 100.00]"),
        ([0.968, 0.972] * 4, "97.00 % [96.74, 97.26]"),  # 1.2374 × 0.002138 on either side
        ([0.99, 1.0] * 4, "99.5 % [98.8, 100.0]"),  # 100.2 %, cut
        ([0.95, nan], "95.0 %"),
        ([nan, nan], "no estimate"),
    ],
)
def test_accuracies_as_text(values: list[float], text: str) -> None:
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
