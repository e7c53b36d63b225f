"""Core seconds of measuring cells of the quick profile: all that is recorded of nets, their training left out.

Cells have no peer that measures the same. The last column is the time over that of a product of two 1000 × 1000
matrices in single precision on one core of the same machine, in the same run; it compares commits and machines.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from wndcheck.experiment.cells import Cell, Training
from wndcheck.experiment.families import cells_of
from wndcheck.experiment.measurement.measuring import run
from wndcheck.experiment.measurement.probing import Data, load
from wndcheck.experiment.measurement.provenance import Arrays
from wndcheck.experiment.measurement.readings import reading_of
from wndcheck.experiment.profiles import QUICK
from wndcheck.nets.stacks import Stack, build, load_weights, weights_of
from wndcheck.nets.training import BatchOrder

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def cell_of(family: str, width: int) -> Cell:
    return next(cell for cell in cells_of([family], QUICK, 0) if cell.width == width)


def two_ensembles() -> Cell:
    cell = cell_of("ensembles", QUICK.ensembles.widths[-1])
    return replace(cell, seeds=cell.seeds[: 2 * cell.nets_per_ensemble], ensembles=2)


CELLS = {
    **{f"ReLU, N = {width}": cell_of("trained/relu", width) for width in (20, 50, 200)},
    "tanh, N = 50": cell_of("trained/tanh", 50),
    "CIFAR-10, N = 50": cell_of("cifar10", QUICK.cifar10.twice_measured),
    "bottleneck, N = 32": cell_of("violation/bottleneck", QUICK.violation_width),
    "two ensembles, N = 32": two_ensembles(),
}


def nets_by_stage(cell: Cell, stack: Stack, data: Data) -> dict[int, Arrays]:
    """Parameters at every stage. All stages but the first are those after an epoch, which cost as much to measure."""
    short = cell
    if isinstance(cell.protocol, Training):
        short = replace(cell, protocol=replace(cell.protocol, stages=(0, 1)))
    order = BatchOrder(cell.seeds, len(data.images))
    first, last = (
        {name: value.copy() for name, value in weights_of(stack).items()}
        for _, is_stage in run(short, stack, data, cell.seeds, order, None)
        if is_stage
    )
    return {epoch: last if row else first for row, epoch in enumerate(cell.protocol.stages)}


def matrix_products(seconds: float) -> float:
    """A time in products of two 1000 × 1000 matrices, of the fastest of twenty."""
    a = np.random.default_rng(0).standard_normal((1000, 1000)).astype(np.float32)
    clock = [time.process_time()]
    for _ in range(20):
        _ = a @ a
        clock.append(time.process_time())
    return seconds / min(after - before for before, after in pairwise(clock))


@pytest.mark.benchmark(group="core seconds of measuring the nets of a cell", timer=time.process_time)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_measuring(benchmark, cell):
    data = load(cell, CPU, None)
    stack = build(cell, cell.seeds, data.images.shape[1], CPU)
    nets = nets_by_stage(cell, stack, data)

    def measured() -> Arrays:
        reading = reading_of(cell)(cell, cell.seeds, "cpu")
        for epoch, weights in nets.items():
            load_weights(stack, weights)
            for _ in reading.record_stage(stack, data, epoch):
                pass
        work = reading.combine_parts(cell, [reading.arrays], "cpu")
        while True:
            try:
                next(work)
            except StopIteration as done:
                return done.value

    record = benchmark.pedantic(measured, rounds=3, warmup_rounds=1)
    layers = record["score"].size * (2 if cell.ensembles else 1)
    benchmark.extra_info["ms a layer and stage"] = round(1e3 * benchmark.stats.stats.min / layers, 1)
    benchmark.extra_info["matrix products"] = round(matrix_products(benchmark.stats.stats.min))
    assert np.isfinite(record["score"]).mean() > 0.9
