"""How long cells will take on a device, predicted from a few steps and estimates that are timed on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isqrt
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import nnls

from wndcheck.datasets import specification_of
from wndcheck.devices import cells_at_once, host_threads, prepare, synchronize
from wndcheck.experiment.cells import Cell
from wndcheck.experiment.costs import (
    estimates,
    inputs,
    layer_estimates,
    parameters,
    steps,
    training_flops,
    training_images,
)
from wndcheck.experiment.measurement.layers import Layer, summarised
from wndcheck.experiment.measurement.readings import FORMS, spread
from wndcheck.experiment.measurement.sampling import Place, layer_pairs
from wndcheck.nets.specification import CLASSES, Training
from wndcheck.nets.stacks import build
from wndcheck.nets.training import STRETCH, BatchOrder, steps_on

ENOUGH = 0.3  # seconds after which timing ends
MOST_PARAMETERS = 2e7  # of a stack that is timed; the time of a larger one follows from its FLOPs
MOST_FLOPS = {"cpu": 2e9, "cuda": float("inf")}  # of its steps: a tenth of a second on one core
MOST_IMAGES = 10_000  # from which its batches are drawn


class Line(NamedTuple):
    """Seconds = fixed + each · amount."""

    fixed: float
    each: float


@dataclass(frozen=True)
class Calibration:
    """Timings on a device, and the durations they predict for cells like those timed.

    steps: for each kind of net, the seconds of a step by its FLOPs. layers: for each number of samples, the seconds of
    measuring a layer by its estimates. draw: seconds for one image of a batch order. stacks: how many were timed.
    """

    device: str
    steps: dict[tuple, Line]
    layers: dict[int, Line]
    draw: float
    stacks: int

    def training(self, cell: Cell) -> Line:
        """Seconds of training the cell alone: the part that does not depend on the size of its nets, and the part that
        does.
        """
        if not steps(cell):
            return Line(0.0, 0.0)
        line = self.steps[kind_of(cell)]
        return Line(line.fixed * steps(cell), line.each * training_flops(cell) + self.draw * drawn(cell))

    def measuring(self, cell: Cell) -> float:
        """Seconds of measuring the cell, accuracies included."""
        line = self.layers[samples(cell)]
        shown = self.steps[kind_of(cell)].each * accuracy_flops(cell) if kind_of(cell) in self.steps else 0.0
        return line.fixed * layers_measured(cell) + line.each * estimates(cell) + shown

    def seconds(self, cell: Cell) -> float:
        """How long the cell takes alone."""
        return sum(self.training(cell)) + self.measuring(cell)

    def together(self, cells: Iterable[Cell], workers: int, kept: Collection[Cell] = ()) -> float:
        """How long the cells take in all, the longest first; those with kept nets are not trained.

        Narrow nets leave a GPU idle: the fixed cost of a step is shared by the cells that are trained side by side.
        """
        beside, work, alone = cells_at_once(self.device), 0.0, [0.0]
        for cell in cells:
            fixed, each = (0.0, 0.0) if cell in kept else self.training(cell)
            work += fixed / beside + each + self.measuring(cell)
            alone.append(fixed + each + self.measuring(cell))
        return max(work / workers, *alone)


def calibrated(cells: Iterable[Cell], device: str) -> Calibration:
    """Time steps and estimates of such cells on random images, with this process's threads. Takes a few seconds."""
    cells, where = list(cells), prepare(device)
    trained = [cell for cell in cells if steps(cell)]
    kinds = dict.fromkeys(map(kind_of, trained))
    stacks = {kind: of_all_sizes([cell for cell in trained if kind_of(cell) == kind]) for kind in kinds}
    return Calibration(
        device=device,
        steps={kind: fitted([timed_steps(cell, where) for cell in some]) for kind, some in stacks.items()},
        layers={number: timed_layers(cell, device) for number, cell in {samples(c): c for c in cells}.items()},
        draw=timed_draw(),
        stacks=sum(map(len, stacks.values())),
    )


# --- the work of a cell -----------------------------------------------------------------------------------------------


def kind_of(cell: Cell) -> tuple:
    """Cells of one kind differ, in their steps, only in the number of FLOPs, or nearly so."""
    return cell.architecture, cell.activation, inputs(cell), bool(cell.ensembles)


def samples(cell: Cell) -> int:
    """Samples behind an estimate: images, or the nets of an ensemble."""
    return cell.nets_per_ensemble if cell.ensembles else cell.probe.images


def drawn(cell: Cell) -> float:
    """Images in all batch orders of the cell."""
    assert isinstance(cell.protocol, Training)
    return len(cell.seeds) * cell.protocol.stages[-1] * training_images(cell)


def layers_measured(cell: Cell) -> int:
    forms = len(FORMS) if cell.ensembles else 1
    return forms * cell.replicates * len(cell.protocol.stages) * cell.layers


def accuracy_flops(cell: Cell) -> float:
    """FLOPs of the accuracies: all images at every stage; none for untrained nets, and few for ensembles."""
    stages = len(cell.protocol.stages)
    if stages == 1 or cell.ensembles:
        return 0.0
    epoch = training_flops(replace(cell, protocol=Training(1.0, 1, (0, 1))))
    shown = training_images(cell) + sum(specification_of(cell.dataset).validation_counts)
    return stages * epoch / 3 * shown / training_images(cell)  # of an epoch two thirds go backward


# --- timings ----------------------------------------------------------------------------------------------------------


def of_all_sizes(cells: Sequence[Cell]) -> list[Cell]:
    """The narrowest, the middle one and the widest."""
    by_width = sorted({cell.width: cell for cell in cells}.values(), key=lambda cell: cell.width)
    return [by_width[place] for place in sorted({0, len(by_width) // 2, len(by_width) - 1})]


def timed_steps(cell: Cell, where: torch.device) -> tuple[float, float]:
    """FLOPs and seconds of a step of the cell, or of as many of its nets as can be timed quickly."""
    protocol = cell.protocol
    assert isinstance(protocol, Training)
    flops = training_flops(cell) / steps(cell) / len(cell.seeds)  # of one net
    members = int(min(len(cell.seeds), MOST_PARAMETERS / parameters(cell), MOST_FLOPS[where.type] / flops)) or 1
    generator = torch.Generator().manual_seed(0)
    number = min(MOST_IMAGES, training_images(cell))
    images = torch.randn(number, inputs(cell), generator=generator).to(where)
    labels = torch.randint(CLASSES, (number,), generator=generator).to(where)
    stack = build(cell, cell.seeds[:members], inputs(cell), where)
    steps_here = steps_on(stack, images, labels, protocol)
    at_once = STRETCH if where.type == "cuda" else 1  # a graph
    batches = torch.randint(number, (members, at_once * protocol.batch_size), generator=generator).to(where)

    def run() -> None:
        steps_here.run(batches)
        synchronize(where)

    return flops * members, timed(run) / at_once


def timed_layers(cell: Cell, device: str) -> Line:
    """Seconds of measuring a layer: a fixed part, and a part for each estimate."""
    rng, points, threads = np.random.default_rng(0), [], host_threads(device)
    for most in (10, 5000 if device.startswith("cuda") else 400):
        neurons = isqrt(2 * most) + 1
        z, pairs = rng.standard_normal((samples(cell), neurons), dtype=np.float32), layer_pairs(neurons, most, 0)
        layer = Layer(z, pairs, Place(0, 0, 0), cell.probe, cell.activation, False, device)
        piece = partial(summarised, layer, None)
        seconds = timed(lambda piece=piece: list(spread([piece] * threads, threads))) / threads
        measured = replace(cell.probe, most_pairs=len(pairs))
        points.append((float(layer_estimates(neurons, measured)), seconds))
    return fitted(points)


def timed_draw() -> float:
    order = BatchOrder(range(4), 50_000)
    return timed(order.epoch) / (4 * 50_000)


def timed(run: Callable[[], object]) -> float:
    """Seconds of one run: the median of up to 30, or of as many as take ENOUGH seconds, after one to warm up."""
    run()
    laps, began = [], time.perf_counter()
    while len(laps) < 30 and (not laps or time.perf_counter() - began < ENOUGH):
        since = time.perf_counter()
        run()
        laps.append(time.perf_counter() - since)
    return float(np.median(laps))


def fitted(points: Sequence[tuple[float, float]]) -> Line:
    """The line through (amount, seconds) by least squares of relative errors, neither part below 0."""
    amounts, seconds = np.array(points, dtype=float).T
    scale = amounts.max()
    design = np.stack([1 / seconds, amounts / scale / seconds], axis=1)
    (fixed, each), _ = nnls(design, np.ones(len(points)))
    return Line(float(fixed), float(each / scale))
