"""The measurements of a profile, gathered by family, and the sections that show them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.families import cells_of, perceptron, sensitivity_choices
from wndcheck.experiment.profiles import QUICK
from wndcheck.experiment.record_schema import Measurement
from wndcheck.report.stored_nets import Measured, gathered
from wndcheck.tests.report.example_results import WHOLE, grids, make_measurement, measured, sections


def test_only_sections_of_what_was_measured_are_shown() -> None:
    titles = ["Accuracy next to the paper's", "Both readings side by side", "What the paper leaves unspecified"]
    assert list(sections(measured())) == titles
    assert list(sections(Measured(trained=grids()))) == titles[:1]


def test_measurements_are_gathered_by_family() -> None:
    store = {cell: make_measurement(cell) for part in families.parts(WHOLE, 0).values() for cell in part}
    whole = gathered(replace(WHOLE, widths=WHOLE.widths[::-1]), 0, store.get)
    assert list(whole.trained) == ["relu", "tanh"]
    assert {grid.profile.name for grid in whole.groups} == {"quick"}
    families_of = {"trained/tanh": whole.trained["tanh"], "cifar10": whole.cifar10}
    for name, grid in (families_of | {"convnets": whole.convnets, "ensembles": whole.ensembles}).items():
        assert grid
        assert grid.measurements == tuple(store[cell] for cell in cells_of([name], WHOLE, 0))
    assert whole.data_reading is whole.trained["relu"]
    assert whole.sensitivity == {name: store[cell] for name, cell in sensitivity_choices(WHOLE, 0).items()}


@pytest.mark.parametrize(
    ("widths", "are_others"), [((5, 20, 50, 100), False), ((20, 100), True), ((5, 200), True)], ids=str
)
def test_perceptrons_beside_other_architectures_are_counted_once(widths: tuple[int, ...], are_others: bool) -> None:
    """With the trained ones where all of them are among these."""
    profile = replace(QUICK, widths=widths)
    store = {cell: make_measurement(cell) for part in families.parts(profile, 0).values() for cell in part}
    whole = gathered(profile, 0, store.get)
    assert list(whole.architectures) == ["mlp", "batch-norm", "mup"]
    for kind, grid in whole.architectures.items():
        assert grid.measurements == tuple(store[cell] for cell in cells_of([f"architectures/{kind}"], profile, 0))
    counted = [any(grid is each for each in whole.groups) for grid in whole.architectures.values()]
    assert counted == [are_others, True, True]


def test_seconds_are_those_of_every_cell_once() -> None:
    cells = {*cells_of(["trained/relu", "trained/tanh"], WHOLE, 0), *sensitivity_choices(WHOLE, 0).values()}

    def load(cell: Cell) -> Measurement | None:  # anew each time, as a store does
        provenance = {"seconds": {"training": 1.0, "measuring": 2.0}}
        return replace(make_measurement(cell), provenance=provenance) if cell in cells else None

    assert gathered(WHOLE, 0, load).seconds == 3 * len(cells)
    unknown = {cell: replace(make_measurement(cell), provenance={}) for cell in cells}
    assert gathered(WHOLE, 0, unknown.get).seconds == 0


def test_families_that_are_not_measured_are_left_out() -> None:
    some = perceptron(WHOLE, "relu", 50, 0), perceptron(WHOLE, "relu", 10, 0)
    store = {cell: make_measurement(cell) for cell in some}
    found = gathered(WHOLE, 0, store.get)
    assert found.trained["relu"].widths == [10, 50]
    assert (list(found.trained), found.cifar10, found.convnets, found.ensembles) == (["relu"], None, None, None)
    assert found.data_reading is None
    usual, *others = found.sensitivity.values()
    assert usual is store[perceptron(WHOLE, "relu", WHOLE.sensitivity_width, 0)]
    assert set(others) == {None}
    assert gathered(WHOLE, 1, store.get).groups == []
