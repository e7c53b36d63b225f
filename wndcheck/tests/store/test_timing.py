"""Predicting how long cells take."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from wndcheck.experiment import families
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import estimates, steps, training_flops
from wndcheck.experiment.families import perceptron
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.profiles import FULL, QUICK
from wndcheck.nets.specification import Training, Violation
from wndcheck.store.timing import Calibration, Line, accuracy_flops, calibrated, fitted, kind_of, of_all_sizes
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED

PROBE = replace(QUICK.probe, most_pairs=200)
SMALL = replace(perceptron(QUICK, "relu", 20, 0), seeds=(0, 1), protocol=Training(0.1, 64, (0, 2)), probe=PROBE)
WIDER = replace(SMALL, width=60)
PLANTED = replace(SMALL, activation="tanh", protocol=Violation("drift", 0.1))

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def calibration(one_thread) -> Calibration:
    return calibrated([SMALL, WIDER, PLANTED], "cpu")


@pytest.mark.parametrize("cell", [SMALL, WIDER], ids=lambda cell: str(cell.width))
def test_a_real_cell_takes_what_is_predicted(calibration, cell):
    """To a factor of 3: other programs on the machine lengthen the one or the other."""
    began = time.perf_counter()
    measure(cell)
    assert 1 / 3 < calibration.seconds(cell) / (time.perf_counter() - began) < 3


@pytest.mark.parametrize(
    "more",
    [
        {"width": 40},
        {"probe": replace(SMALL.probe, most_pairs=400)},
        {"seeds": (0, 1, 2, 3)},
        {"protocol": Training(0.1, 64, (0, 4))},
        {"protocol": Training(0.1, 64, (0, 1, 2))},
        {"probe": replace(SMALL.probe, control_pairs=200)},
    ],
    ids=str,
)
def test_more_work_takes_longer(calibration, more):
    wider = replace(SMALL, width=30)
    assert calibration.seconds(replace(wider, **more)) > calibration.seconds(wider) > 0


def test_each_kind_of_net_is_timed_at_its_ends_and_in_the_middle(calibration):
    assert calibration.stacks == 2
    assert list(calibration.steps) == [kind_of(SMALL)]
    assert list(calibration.layers) == [1000]
    cells = families.parts(FULL, 0)["mlp"]
    relu = [cell for cell in cells if cell.activation == "relu"]
    assert [cell.width for cell in of_all_sizes(relu)] == [5, 100, 1000]
    assert len({kind_of(cell) for part in families.parts(FULL, 0).values() for cell in part if steps(cell)}) == 5


def test_nets_that_are_never_trained_take_their_measuring(calibration):
    assert calibration.training(PLANTED) == Line(0.0, 0.0)
    assert calibration.seconds(PLANTED) == calibration.measuring(PLANTED) > 0


def test_nothing_to_train_needs_no_stack():
    assert calibrated([UNTRAINED], "cpu").stacks == 0


# Counts by hand of made-up rates: every rate another power of ten.
RATES = Calibration(
    "cpu",
    {kind_of(TINY_CELL): Line(1.0, 1e-9)},
    {200: Line(10.0, 0.001)},
    draw=1e-6,
    stacks=1,
)


def test_a_cell_takes_its_steps_flops_draws_layers_and_estimates():
    fixed, by_size = RATES.training(TINY_CELL)
    assert fixed == steps(TINY_CELL) == 157  # ⌈10,000 / 64⌉
    assert by_size == pytest.approx(1e-9 * training_flops(TINY_CELL) + 1e-6 * 2 * 10_000)
    # Two stages; forward is a third of the one epoch; 12,000 images instead of 10,000.
    shown = 2 / 3 * 1.2 * training_flops(TINY_CELL)
    assert accuracy_flops(TINY_CELL) == pytest.approx(shown)
    # 2 nets × 2 stages × 5 layers
    assert RATES.measuring(TINY_CELL) == pytest.approx(20 * 10 + 0.001 * estimates(TINY_CELL) + 1e-9 * shown)


def test_accuracy_is_not_taken_of_untrained_nets_nor_of_all_images_by_ensembles():
    assert accuracy_flops(UNTRAINED) == 0
    assert accuracy_flops(replace(TINY_CELL, seeds=tuple(range(8)), ensembles=2)) == 0
    assert accuracy_flops(replace(TINY_CELL, protocol=Violation("drift", 0.1))) == accuracy_flops(TINY_CELL)


def test_workers_share_the_cells_but_not_a_cell():
    cells = [replace(TINY_CELL, seeds=(seed,)) for seed in range(4)]
    each = RATES.seconds(cells[0])
    assert RATES.together(cells, 1) == pytest.approx(4 * each)
    assert RATES.together(cells, 2) == pytest.approx(2 * each)
    assert RATES.together(cells, 8) == pytest.approx(each)
    assert RATES.together([], 2) == 0


def test_a_gpu_starts_the_steps_of_several_cells_at_once():
    on_gpu = replace(RATES, device="cuda")
    cells = [replace(TINY_CELL, seeds=(seed,)) for seed in range(24)]
    fixed, each = on_gpu.training(cells[0])
    measured = on_gpu.measuring(cells[0])
    assert on_gpu.together(cells, 1) == pytest.approx(24 * (fixed / 12 + each + measured))
    assert on_gpu.together(cells[:1], 1) == on_gpu.seconds(cells[0])


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ([(1, 3.0), (2, 5.0)], Line(1.0, 2.0)),
        ([(1, 3.0), (2, 5.0), (1000, 2001.0)], Line(1.0, 2.0)),
        ([(5, 10.0)], Line(0.0, 2.0)),
        ([(1, 2.0), (2, 2.0)], Line(2.0, 0.0)),
    ],
)
def test_line_through_points_on_it(points, line):
    found = fitted(points)
    if len(points) == 1:  # no line is the only one, and any of them goes through it
        assert found.fixed + found.each * 5 == pytest.approx(10)
    else:
        assert found == pytest.approx(line)


def test_neither_part_of_a_line_is_negative():
    for points in ([(1, 1.0), (2, 4.0)], [(1, 4.0), (2, 1.0)]):
        assert min(fitted(points)) >= 0


def test_errors_are_relative():
    """The seconds of a wide net do not drown those of a narrow one: each is missed by a share of its own."""
    points = [(1, 1.0), (10, 20.0), (1000, 1000.0)]
    fixed, each = fitted(points)
    for amount, seconds in points:
        assert fixed + each * amount == pytest.approx(seconds, rel=0.6)


def test_cells_of_one_width_are_timed_once():
    cells: list[Cell] = [SMALL, replace(SMALL, protocol=Training(0.1, 16, (0, 2)))]
    assert len(of_all_sizes(cells)) == 1
