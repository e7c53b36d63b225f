"""The time that cells will take on a device, predicted from a few steps and estimates that are timed on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isqrt

import numpy as np
import torch

from wndcheck.devices import HOST_POLL_SECONDS, cells_at_once, host_threads, prepare, synchronize
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import (
    estimates,
    inputs,
    layer_estimates,
    parameters,
    steps,
    training_flops,
    training_images,
    transformed_estimates,
)
from wndcheck.experiment.measurement.layers import Layer, summarised
from wndcheck.experiment.measurement.readings import run_in_threads
from wndcheck.experiment.measurement.sampling import DrawKey, layer_pairs
from wndcheck.nets.specification import CLASSES, Training
from wndcheck.nets.stacks import build
from wndcheck.nets.training import STRETCH, steps_on

ENOUGH = 0.3  # seconds after which timing ends
MOST_PARAMETERS = 2e7  # of a stack that is timed; larger stacks take proportionally longer
MOST_FLOPS = {"cpu": 2e9, "cuda": float("inf")}  # of its steps: a tenth of a second on one core
MOST_IMAGES = 10_000  # from which its batches are drawn
MOST_PAIRS = {"cpu": 400, "cuda": 5000}  # of the layer that is timed


@dataclass(frozen=True)
class TimingModel:
    """Timings on a device, and the durations (seconds) they predict for cells like those timed.

    steps: for each kind of net, the FLOPs and the seconds of a step of some stacks, smallest first. estimates: seconds
    of an estimate by its number of samples.
    """

    device: str
    steps: dict[tuple, tuple[list[float], list[float]]]
    estimates: dict[int, float]

    @property
    def stacks(self) -> int:
        """Number of stacks that were timed."""
        return sum(len(seconds) for _, seconds in self.steps.values())

    def training(self, cell: Cell) -> float:
        """Seconds of training the cell, interpolated between the stacks that were timed."""
        return steps(cell) * float(np.interp(step_flops(cell), *self.steps[kind_of(cell)])) if steps(cell) else 0.0

    def measuring(self, cell: Cell) -> float:
        """Seconds of measuring the cell at all stages, accuracies included."""
        seconds = estimates(cell) * self.estimates[samples(cell)]
        if steps(cell) and not cell.ensembles:  # all images go forward, which is a third of a training epoch
            seconds += self.training(cell) / cell.protocol.stages[-1] * len(cell.protocol.stages) / 3
        return seconds

    def seconds(self, cell: Cell) -> float:
        """Seconds that the cell takes by itself."""
        return self.training(cell) + self.measuring(cell)

    def together(self, cells: Iterable[Cell], workers: int, kept: Collection[Cell] = ()) -> float:
        """Seconds that all the cells take, at least those of the longest; cells with kept nets are not trained.

        Narrow nets leave a GPU idle: cells that are trained side by side share the time of the smallest step.
        """
        sharing, work, longest = cells_at_once(self.device), 0.0, 0.0
        for cell in cells:
            training, measuring, shared = 0.0, self.measuring(cell), 0.0
            if steps(cell) and cell not in kept:
                training = self.training(cell)
                shared = steps(cell) * self.steps[kind_of(cell)][1][0]
            work += training - shared * (1 - 1 / sharing) + measuring
            longest = max(longest, training + measuring)
        return max(work / workers, longest)


def calibrated(cells: Iterable[Cell], device: str) -> TimingModel:
    """Time steps and estimates of such cells on random images, with this process's threads. Takes a few seconds."""
    cells, where = list(cells), prepare(device)
    by_kind: dict[tuple, list[Cell]] = {}
    for cell in cells:
        if steps(cell):
            by_kind.setdefault(kind_of(cell), []).append(cell)
    chosen = {kind: of_all_sizes(some) for kind, some in by_kind.items()}
    return TimingModel(
        device=device,
        steps={
            kind: ([step_flops(cell) for cell in some], [timed_step(cell, where) for cell in some])
            for kind, some in chosen.items()
        },
        estimates={number: timed_estimate(cell, device) for number, cell in {samples(c): c for c in cells}.items()},
    )


def kind_of(cell: Cell) -> tuple:
    """Cells of one kind differ, in their steps, only in the number of FLOPs, or nearly so."""
    return cell.architecture, cell.activation, inputs(cell), bool(cell.ensembles)


def step_flops(cell: Cell) -> float:
    return training_flops(cell) / steps(cell)


def samples(cell: Cell) -> int:
    """Samples behind an estimate: images, or the nets of an ensemble."""
    return cell.nets_per_ensemble if cell.ensembles else cell.probe.images


def of_all_sizes(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with the smallest, the middle and the largest step."""
    by_size = sorted({step_flops(cell): cell for cell in cells}.items())
    return [by_size[place][1] for place in sorted({0, len(by_size) // 2, len(by_size) - 1})]


def timed_step(cell: Cell, where: torch.device) -> float:
    """Seconds of a step of the cell, from as many of its nets as can be timed quickly."""
    protocol = cell.protocol
    assert isinstance(protocol, Training)
    flops = step_flops(cell) / len(cell.seeds)  # of one net
    members = int(min(len(cell.seeds), MOST_PARAMETERS / parameters(cell), MOST_FLOPS[where.type] / flops)) or 1
    generator = torch.Generator().manual_seed(0)
    number = min(MOST_IMAGES, training_images(cell))
    images = torch.randn(number, inputs(cell), generator=generator).to(where)
    labels = torch.randint(CLASSES, (number,), generator=generator).to(where)
    stack = build(cell, cell.seeds[:members], inputs(cell), where)
    steps_here = steps_on(stack, images, labels, protocol)
    at_once = STRETCH if where.type == "cuda" else 4  # one graph; enough steps for a block to stay in the caches
    batches = torch.randint(number, (members, at_once * protocol.batch_size), generator=generator).to(where)

    def run() -> None:
        steps_here.run(batches)
        synchronize(where)

    return timed(run) / at_once * len(cell.seeds) / members


def timed_estimate(cell: Cell, device: str) -> float:
    """Seconds of an estimate, from measuring a layer in as many threads as the cell will be measured in."""
    threads, most = host_threads(device), min(cell.probe.most_pairs, MOST_PAIRS[device.partition(":")[0]])
    neurons = isqrt(2 * most) + 1
    z = np.random.default_rng(0).standard_normal((samples(cell), neurons), dtype=np.float32)
    pairs = layer_pairs(neurons, most, 0)
    layer = Layer(z, pairs, DrawKey(0, 0, 0), cell.probe, cell.activation, True, device)
    pieces = [partial(summarised, layer, None)] * threads
    count = layer_estimates(neurons, replace(cell.probe, most_pairs=len(pairs)))
    count += transformed_estimates(neurons, cell.probe, cell.activation)
    return timed(lambda: list(run_in_threads(pieces, threads, HOST_POLL_SECONDS))) / threads / count


def timed(run: Callable[[], object]) -> float:
    """Seconds of one run: the median of up to 30, or of as many as take ENOUGH seconds, after one to warm up."""
    run()
    laps, began = [], time.perf_counter()
    while len(laps) < 30 and (not laps or time.perf_counter() - began < ENOUGH):
        since = time.perf_counter()
        run()
        laps.append(time.perf_counter() - since)
    return float(np.median(laps))
