"""What a cell costs: parameters, floating-point operations, memory. Counted, not measured; no torch here."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, comb, prod

from wndcheck.cells import Cell, Training
from wndcheck.datasets import specification_of
from wndcheck.networks.architectures import Convolution, convolutions, dense_sizes

PAIR_FLOPS = 1.5e6  # one pair's estimate, in what the training does meanwhile on a CPU
STEP_FLOPS = 2e7  # what starting a step takes, likewise


def inputs(cell: Cell) -> int:
    """How many values an image has."""
    return prod(specification_of(cell.dataset).image_shape)


def layer_sizes(cell: Cell) -> list[int]:
    """Numbers from what enters the first dense layer to the logits."""
    return dense_sizes(cell.architecture, inputs(cell), cell.width)


def neurons(cell: Cell) -> list[int]:
    """Number of neurons of every measured layer."""
    return layer_sizes(cell)[1:]


def parameters(cell: Cell) -> int:
    """Of one net, biases included."""
    sizes = layer_sizes(cell)
    dense = sum((n + 1) * m for n, m in pairwise(sizes))
    return dense + sum(layer.out * (9 * layer.channels + 1) for layer in _convolutions(cell))


def activations(cell: Cell) -> int:
    """Numbers that one net holds of one image, what the convolutions make of it included."""
    return inputs(cell) + sum(layer_sizes(cell)) + sum(2 * layer.out * layer.pixels for layer in _convolutions(cell))


def training_images(cell: Cell) -> int:
    return sum(specification_of(cell.dataset).train_counts) - cell.unsaid.held_out


def steps(cell: Cell) -> int:
    """SGD steps from the first stage to the last."""
    if not isinstance(cell.protocol, Training):
        return 0
    return cell.protocol.stages[-1] * ceil(training_images(cell) / cell.protocol.batch_size)


def training_flops(cell: Cell) -> float:
    """Multiplications and additions of training all nets: forward, and backward twice as much but for the inputs."""
    if not isinstance(cell.protocol, Training):
        return 0.0
    products = [9 * layer.out * layer.channels * layer.pixels for layer in _convolutions(cell)]
    products += [n * m for n, m in pairwise(layer_sizes(cell))]
    image = 6 * sum(products) - 2 * products[0]
    return len(cell.seeds) * cell.protocol.stages[-1] * training_images(cell) * float(image)


def estimates(cell: Cell) -> int:
    """How many estimates of a pair the cell takes, nulls and controls included."""
    forms, probe = 2 if cell.ensembles else 1, cell.probe
    few = [min(n, probe.control_pairs + 1) for n in neurons(cell)]  # in the controls
    pairs = sum(min(probe.most_pairs, comb(n, 2)) for n in neurons(cell))
    controls = sum(min(probe.control_pairs, comb(n, 2)) + min(probe.control_pairs, n) for n in few)
    return 2 * forms * cell.replicates * len(cell.protocol.stages) * (pairs + controls)


def stack_bytes(cell: Cell, members: int) -> float:
    """Memory of `members` nets in training and at a stage: parameters, a batch, its order, and the probe.

    Parameters count twice, for what libraries set aside; activations four times, for their gradients and copies.
    """
    probed = 1 if cell.ensembles else 10 * cell.probe.images_per_class
    images = max(getattr(cell.protocol, "batch_size", 1), probed)
    order = 16 * training_images(cell) if steps(cell) else 0
    return members * (8.0 * parameters(cell) + 16.0 * images * activations(cell) + order)


def cost(cell: Cell) -> float:
    """Rough work of a cell in multiplications, to put the longest first and to foretell the time left."""
    return training_flops(cell) + STEP_FLOPS * steps(cell) + PAIR_FLOPS * estimates(cell)


def _convolutions(cell: Cell) -> list[Convolution]:
    return list(convolutions()) if cell.architecture == "convnet" else []
