"""The cost of a cell: parameters, floating-point operations, memory. Counted, not measured; no torch here."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, comb, prod

from wndcheck.datasets import specification_of
from wndcheck.experiment.cells import Cell, Probe
from wndcheck.experiment.record_schema import RANK_SAMPLES, TRANSFORMED_NEURONS
from wndcheck.nets.specification import (
    BEYOND_PAPER,
    PATCH,
    TOKENS,
    WITH_ADAM,
    Activation,
    Convolution,
    Training,
    convolutions,
    dense_sizes,
)

# Measured on one core of an x86-64 machine with AVX2: multiplications and additions a second by kind of net, the
# overhead of a step, and a pair's estimate from 1000 images by 3H and by the rank estimator with twenty neighbours.
CORE_FLOPS = {"mlp": 50e9, "narrow": 20e9, "convnet": 40e9, "ensemble": 35e9} | dict.fromkeys(BEYOND_PAPER, 25e9)
NARROW_PRODUCTS = 100  # neurons
STEP_SECONDS = 4e-4
PAIR_SECONDS, RANK_PAIR_SECONDS = 3e-5, 1e-4
# Of a GPU, calculated and not measured: half the peak of an H200 in single precision, what launching the smallest step
# takes, and pairs of layers that the host prepares.
GPU_FLOPS, GPU_STEP_SECONDS, GPU_PAIRS_PER_CORE = 33e12, 1e-4, 30


def inputs(cell: Cell) -> int:
    """Number of values of an image."""
    return prod(specification_of(cell.dataset).image_shape)


def layer_sizes(cell: Cell) -> list[int]:
    """Numbers from what enters the first dense layer to the logits."""
    return dense_sizes(cell, inputs(cell))


def neurons(cell: Cell) -> list[int]:
    """Number of neurons of every measured layer."""
    return layer_sizes(cell)[1:]


def parameters(cell: Cell) -> int:
    """Parameters of one net, biases included."""
    sizes = layer_sizes(cell)
    dense = sum((n + 1) * m for n, m in pairwise(sizes))
    if cell.architecture == "transformer":  # embedding, attention, positions, three norms
        d = sizes[0]
        return dense + (PATCH + 1) * d + 4 * (d + 1) * d + TOKENS * d + 6 * d
    norms = 2 * sum(sizes[1:-1]) if cell.architecture in ("batch-norm", "layer-norm") else 0
    return dense + norms + sum(layer.out * (9 * layer.channels + 1) for layer in _convolutions(cell))


def activations(cell: Cell) -> int:
    """Activations of one net for one image, those of the convolutions included."""
    if cell.architecture == "transformer":  # of every token, with three norms, queries, keys and values
        d, first, second, _ = layer_sizes(cell)
        return inputs(cell) + TOKENS * (9 * d + 2 * (first + second))
    return inputs(cell) + sum(layer_sizes(cell)) + sum(2 * layer.out * layer.pixels for layer in _convolutions(cell))


def training_images(cell: Cell) -> int:
    return sum(specification_of(cell.dataset).train_counts) - cell.unspecified.held_out


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
    if cell.architecture == "transformer":
        d, first, second, classes = layer_sizes(cell)
        products = [TOKENS * PATCH * d, TOKENS * (4 * d * d + 2 * TOKENS * d + first * (d + second)), second * classes]
    image = 6 * sum(products) - 2 * products[0]
    return len(cell.seeds) * cell.protocol.stages[-1] * training_images(cell) * float(image)


def estimates(cell: Cell) -> int:
    """Number of pair estimates that the cell takes, nulls and controls included; without the rank estimator's."""
    probe, stages = cell.probe, len(cell.protocol.stages)
    on_more = 2 * len(probe.more_images)  # the pairs and their null
    layers = stages * sum(layer_estimates(n, probe) + on_more * scored_pairs(n, probe) for n in neurons(cell))
    layers += sum(transformed_estimates(n, probe, cell.activation) for n in neurons(cell)[:-1])  # at the last stage
    if not cell.ensembles:
        layers += 2 * sum(scored_pairs(n, probe) for n in neurons(cell))  # within classes, with their null, also there
    return _forms(cell) * cell.replicates * layers


def rank_estimates(cell: Cell) -> int:
    """Number of pair estimates by the rank estimator that the cell takes: none of few samples."""
    samples = [cell.nets_per_ensemble] if cell.ensembles else [cell.probe.images, *cell.probe.further_images]
    pairs = sum(min(scored_pairs(n, cell.probe), cell.probe.rank_pairs) for n in neurons(cell))
    layers = len(cell.protocol.stages) * pairs
    return _forms(cell) * cell.replicates * layers * sum(m >= RANK_SAMPLES for m in samples)


def scored_pairs(count: int, probe: Probe) -> int:
    """Number of pairs of a layer of `count` neurons of which its score is the mean."""
    return min(probe.most_pairs, comb(count, 2))


def layer_estimates(count: int, probe: Probe) -> int:
    """Estimates of pairs of the pre-activations of one layer of `count` neurons at one stage."""
    usable, few = min(count, probe.control_pairs + 1), max(1, probe.control_pairs // 4)
    controls = min(probe.control_pairs, comb(usable, 2)) + min(probe.control_pairs, usable)
    controls += 2 * min(few, usable) + min(few, usable - 1)
    return 2 * (scored_pairs(count, probe) + controls * bool(probe.control_pairs))


def transformed_estimates(count: int, probe: Probe, activation: Activation) -> int:
    """Estimates of pairs of post-activations: with a null, and by KSG1 before and after."""
    transformed = min(probe.transformed_pairs, comb(min(count, TRANSFORMED_NEURONS), 2))
    return (8 if activation == "tanh" else 3) * transformed


def stack_bytes(cell: Cell, members: int) -> float:
    """Memory of `members` nets in training and at a stage: parameters, a batch, its order, and the probe.

    Parameters count twice, for what libraries set aside, and twice more for Adam's moments; activations four times, for
    their gradients and copies.
    """
    copies = 4 if cell.architecture in WITH_ADAM else 2
    probed = 1 if cell.ensembles else (cell.probe.images, *cell.probe.further_images)[-1]
    images = max(getattr(cell.protocol, "batch_size", 1), probed)
    order = 16 * training_images(cell) if steps(cell) else 0
    return members * (4.0 * copies * parameters(cell) + 16.0 * images * activations(cell) + order)


def core_seconds(cell: Cell) -> float:
    """Rough seconds that training and measuring the cell take one core, to divide the work and predict the time left.

    Products of wide layers run at its full speed, those of narrow layers and of thousands of tiny nets do not.
    """
    kind = cell.kind if cell.kind in CORE_FLOPS else "mlp"
    if kind == "mlp" and cell.width < NARROW_PRODUCTS:
        kind = "narrow"
    training = training_flops(cell) / CORE_FLOPS[kind] + STEP_SECONDS * steps(cell)
    return training + PAIR_SECONDS * estimates(cell) + RANK_PAIR_SECONDS * rank_estimates(cell)


def device_seconds(cell: Cell, device: str) -> float:
    """Rough seconds that the cell takes by itself on a device, for the order of starts and the time left.

    On a GPU a step takes what launching it takes, however small it is.
    """
    if device == "cpu":
        return core_seconds(cell)
    pairs = PAIR_SECONDS * estimates(cell) + RANK_PAIR_SECONDS * rank_estimates(cell)
    return max(training_flops(cell) / GPU_FLOPS, GPU_STEP_SECONDS * steps(cell)) + pairs / GPU_PAIRS_PER_CORE


def is_bound_by_launches(cell: Cell) -> bool:
    """Whether its steps leave a GPU idle."""
    return training_flops(cell) / GPU_FLOPS < GPU_STEP_SECONDS * steps(cell)


def _forms(cell: Cell) -> int:
    """In the ensemble reading every layer is measured twice: of one image each, and of the same image."""
    return 2 if cell.ensembles else 1


def _convolutions(cell: Cell) -> list[Convolution]:
    return list(convolutions(cell.channels)) if cell.architecture == "convnet" else []
