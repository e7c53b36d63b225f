"""Predicting how long cells take."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from wndcheck.experiment import families
from wndcheck.experiment.costs import estimates, steps
from wndcheck.experiment.families import perceptron
from wndcheck.experiment.measurement.measuring import measure
from wndcheck.experiment.profiles import FULL, QUICK
from wndcheck.nets.specification import Training, Violation
from wndcheck.store.time_prediction import TimingModel, calibrated, kind_of, of_all_sizes, step_flops
from wndcheck.tests.tiny import TINY_CELL, UNTRAINED

PROBE = replace(QUICK.probe, most_pairs=200)
SMALL = replace(perceptron(QUICK, "relu", 20, 0), seeds=(0, 1), protocol=Training(0.1, 64, (0, 2)), probe=PROBE)
WIDER = replace(SMALL, width=60)
PLANTED = replace(SMALL, activation="tanh", protocol=Violation("drift", 0.1))

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def calibration(one_thread) -> TimingModel:
    return calibrated([SMALL, WIDER, PLANTED], "cpu")


@pytest.mark.parametrize("cell", [SMALL, WIDER, PLANTED], ids=lambda cell: cell.label)
def test_predicted_time_matches_a_measurement(calibration, cell):
    """To a factor of 10: other programs on the machine lengthen the one or the other."""
    began = time.perf_counter()
    measure(cell)
    assert 0.1 < calibration.seconds(cell) / (time.perf_counter() - began) < 10


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


def test_stacks_of_all_sizes_are_timed_for_each_kind_of_net(calibration):
    assert calibration.stacks == 2
    assert list(calibration.steps) == [kind_of(SMALL)]
    assert list(calibration.estimates) == [1000]
    parts = families.parts(FULL, 0)
    relu = [cell for cell in parts["mlp"] if cell.activation == "relu"]
    assert [cell.width for cell in of_all_sizes(relu)] == [5, 100, 1000]
    batches = {cell.protocol.batch_size for cell in of_all_sizes(parts["sensitivity"])}
    assert batches == {8, 32, 128}
    assert len({kind_of(cell) for part in parts.values() for cell in part if steps(cell)}) == 11
    assert calibrated([UNTRAINED], "cpu").stacks == 0


# Made-up rates.
FLOPS = step_flops(TINY_CELL)
RATES = TimingModel("cpu", {kind_of(TINY_CELL): ([FLOPS / 2, FLOPS * 1.5], [1.0, 3.0])}, {200: 0.001})


def test_prediction_by_hand():
    assert RATES.training(TINY_CELL) == pytest.approx(157 * 2)  # ⌈10,000 / 64⌉ steps, halfway between 1 s and 3 s
    measuring = 0.001 * estimates(TINY_CELL) + 157 * 2 * 2 / 3  # two stages; forward is a third of the one epoch
    assert RATES.measuring(TINY_CELL) == pytest.approx(measuring)
    assert RATES.seconds(TINY_CELL) == pytest.approx(157 * 2 + measuring)
    untrained = replace(TINY_CELL, protocol=Violation("drift", 0.1))
    assert (RATES.training(untrained), RATES.measuring(untrained)) == (0, 0.001 * estimates(untrained))


def test_workers_share_the_cells_but_not_a_cell():
    cells = [replace(TINY_CELL, seeds=(seed, seed + 10)) for seed in range(4)]
    each = RATES.seconds(cells[0])
    assert [RATES.together(cells, workers) / each for workers in (1, 2, 8)] == pytest.approx([4, 2, 1])
    assert RATES.together([], 2) == 0
    assert RATES.together(cells, 1, kept=cells[:2]) == pytest.approx(2 * each + 2 * RATES.measuring(cells[0]))


def test_cells_on_a_gpu_share_the_time_of_the_smallest_step():
    on_gpu = replace(RATES, device="cuda")
    cells = [replace(TINY_CELL, seeds=(seed, seed + 30)) for seed in range(24)]
    measured = on_gpu.measuring(cells[0])
    assert on_gpu.together(cells, 1) == pytest.approx(24 * (157 * (1 / 12 + 1) + measured))
    assert on_gpu.together(cells[:1], 1) == on_gpu.seconds(cells[0])
