"""What a report has of a profile: gathered by part, and shown by section."""

from __future__ import annotations

from dataclasses import replace

from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import cells_of, perceptron, sensitivity_choices
from wndcheck.experiment.records import Measurement
from wndcheck.report.measured import Measured, gathered
from wndcheck.report.tables import all_sections
from wndcheck.tests.factories import make_run
from wndcheck.tests.report.reported import WHOLE, grids, made, measured


def test_sections_show_all_that_was_measured_and_leave_out_the_rest() -> None:
    titles = [section.title for section in all_sections(make_run(), measured())]
    assert titles == ["Accuracy beside the paper's", "Both readings side by side", "What the paper leaves unspecified"]
    assert all_sections(make_run(), Measured()) == []
    trained_alone = all_sections(make_run(), Measured(trained=grids()))
    assert [section.title for section in trained_alone] == titles[:1]


def test_what_is_measured_is_gathered_by_part() -> None:
    store = {cell: made(cell) for part in families.parts(WHOLE, 0).values() for cell in part}
    whole = gathered(replace(WHOLE, widths=WHOLE.widths[::-1]), 0, store.get)
    assert list(whole.trained) == ["relu", "tanh"]
    assert {grid.profile.name for grid in whole.groups} == {"quick"}
    for grid, cells in (
        (whole.trained["tanh"], cells_of(["trained/relu", "trained/tanh"], WHOLE, 0)[len(WHOLE.widths) :]),
        (whole.cifar10, cells_of(["cifar10"], WHOLE, 0)),
        (whole.convnets, cells_of(["convnets"], WHOLE, 0)),
        (whole.ensembles, cells_of(["ensembles"], WHOLE, 0)),
    ):
        assert grid
        assert grid.measurements == tuple(store[cell] for cell in cells)
    assert whole.beside_ensembles is whole.trained["relu"]
    assert whole.sensitivity == {name: store[cell] for name, cell in sensitivity_choices(WHOLE, 0).items()}


def test_seconds_are_those_of_every_cell_once() -> None:
    cells = {*cells_of(["trained/relu", "trained/tanh"], WHOLE, 0), *sensitivity_choices(WHOLE, 0).values()}

    def load(cell: Cell) -> Measurement | None:  # anew each time, as a store does
        told = {"seconds": {"training": 1.0, "measuring": 2.0}}
        return replace(made(cell), provenance=told) if cell in cells else None

    assert gathered(WHOLE, 0, load).seconds == 3 * len(cells)
    assert gathered(WHOLE, 0, lambda cell: (cell in cells and replace(made(cell), provenance={})) or None).seconds == 0


def test_parts_that_are_not_measured_are_not_there() -> None:
    some = perceptron(WHOLE, "relu", 50, 0), perceptron(WHOLE, "relu", 10, 0)
    store = {cell: made(cell) for cell in some}
    found = gathered(WHOLE, 0, store.get)
    assert found.trained["relu"].widths == [10, 50]
    assert (list(found.trained), found.cifar10, found.convnets, found.ensembles) == (["relu"], None, None, None)
    assert found.beside_ensembles is None
    usual, *others = found.sensitivity.values()
    assert usual is store[perceptron(WHOLE, "relu", WHOLE.sensitivity_width, 0)]
    assert set(others) == {None}
    assert gathered(WHOLE, 1, store.get).groups == []
